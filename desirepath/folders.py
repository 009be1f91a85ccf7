"""A folder of somebody's own code, packed to be handed in: the same folder gives the same file.

Left out is what .gitignore leaves out (where git is there and the folder is under it), else what is made and not
written: environments, caches, version control. And always .env, which is where secrets are.
"""

from __future__ import annotations

import contextlib
import fnmatch
import gzip
import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, cast

from desirepath.connection import for_git

MOST = 500 << 20  # bytes
LEFT_OUT = {
    ".git", ".hg", ".svn", "__pycache__", ".venv", "venv", "node_modules", ".tox", ".nox", ".mypy_cache",
    ".pytest_cache", ".ruff_cache", ".idea", ".vscode", ".DS_Store", ".env",
}  # fmt: skip
NAMED = 3  # of the largest, in a refusal


class BadFolder(Exception):
    """It cannot be handed in. The message says why and what to do."""


@contextlib.contextmanager
def packed(folder: Path) -> Iterator[Path]:
    """The folder as a .tar.gz in a temporary place. Raises BadFolder."""
    paths = listed(folder)
    with tempfile.TemporaryDirectory(prefix="desirepath-") as place:
        file = Path(place) / f"{folder.resolve().name or 'app'}.tar.gz"
        with (
            file.open("wb") as raw,
            gzip.GzipFile("", "wb", 6, cast(IO[bytes], raw), mtime=0) as stream,
            tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as archive,
        ):
            for path in paths:
                _add(archive, folder, path)
        yield file


def listed(folder: Path) -> list[Path]:
    """What goes along, below the folder, in order. Raises BadFolder for what cannot."""
    if not folder.is_dir():
        raise BadFolder(f"{folder} is not a folder.")
    if not (folder / "Procfile").is_file():
        raise BadFolder(
            f"There is no Procfile in {folder}: it says how the app is started. Write one line into it, for instance "
            "`web: gunicorn app:app` (what answers has to listen on $PORT)."
        )
    root = folder.resolve()
    paths = [path for path in _files_in(root) if not _ignored(path, _slugignore(root))]
    for path in paths:
        if (root / path).is_symlink():
            _inside(root, path)
    _small_enough(root, paths)
    return paths


def _files_in(root: Path) -> list[Path]:
    """As git sees the folder, else everything that is written rather than made."""
    if shutil.which("git") and (root / ".git").exists():
        command = ["git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        done = subprocess.run(command, capture_output=True, check=False)
        if done.returncode == 0:
            names = {os.fsdecode(name) for name in done.stdout.split(b"\0") if name}
            return sorted(Path(name) for name in names if os.path.lexists(root / name) and not _left_out(Path(name)))
    paths: list[Path] = []
    for place, folders, files in os.walk(root):
        folders[:] = sorted(name for name in folders if name not in LEFT_OUT)
        links = [name for name in folders if os.path.islink(os.path.join(place, name))]
        paths += [Path(place, name).relative_to(root) for name in [*files, *links] if name not in LEFT_OUT]
    return sorted(paths)


def _left_out(path: Path) -> bool:
    return any(part in LEFT_OUT for part in path.parts)


def _slugignore(root: Path) -> list[str]:
    """Heroku's own list of what is not needed to run."""
    with contextlib.suppress(OSError, UnicodeDecodeError):
        lines = (root / ".slugignore").read_text().splitlines()
        return [line.strip().strip("/") for line in lines if line.strip() and not line.startswith("#")]
    return []


def _ignored(path: Path, patterns: list[str]) -> bool:
    parents = [str(path), *(str(parent) for parent in path.parents)]
    return any(fnmatch.fnmatch(name, pattern) for pattern in patterns for name in parents)


def _inside(root: Path, path: Path) -> None:
    leads = os.path.realpath(root / path)
    if os.path.isabs(os.readlink(root / path)) or os.path.commonpath([str(root), leads]) != str(root):
        raise BadFolder(
            f"{path} is a link that leads out of the folder, to {os.readlink(root / path)}. Put the file itself there, "
            "or list it in .slugignore to leave it out."
        )


def _small_enough(root: Path, paths: list[Path]) -> None:
    sizes = {path: os.lstat(root / path).st_size for path in paths}
    whole = sum(sizes.values())
    if whole <= MOST:
        return
    tops: dict[str, int] = {}
    for path, size in sizes.items():
        tops[path.parts[0]] = tops.get(path.parts[0], 0) + size
    largest = sorted(tops, key=lambda name: -tops[name])[:NAMED]
    named = ", ".join(f"{name} ({tops[name] >> 20} MB)" for name in largest)
    raise BadFolder(
        f"The folder has {whole >> 20} MB; at most {MOST >> 20} MB can be handed in. The largest in it: {named}. "
        "List what is not needed to run in .gitignore or .slugignore."
    )


def _add(archive: tarfile.TarFile, folder: Path, path: Path) -> None:
    """One file or link, without what differs from machine to machine: owner, times, most of the mode."""
    place = folder / path
    try:
        item = archive.gettarinfo(str(place), arcname=path.as_posix())
        if item is None or not (item.isfile() or item.issym() or item.islnk()):
            return  # a socket, a pipe: nothing that can be handed in
        if item.islnk():
            item.type, item.size, item.linkname = tarfile.REGTYPE, os.stat(place).st_size, ""
        item.uid = item.gid = 0
        item.uname = item.gname = ""
        item.mtime = 0
        item.mode = 0o755 if item.mode & 0o100 else 0o644
        if item.isfile():
            with place.open("rb") as stream:
                archive.addfile(item, stream)
        else:
            archive.addfile(item)
    except OSError as error:
        raise BadFolder(f"{path} cannot be read: {error.strerror}.") from error


@contextlib.contextmanager
def at_hand(place: str) -> Iterator[Path]:
    """The folder itself, or (a git address) a fresh copy of its newest commit. Raises BadFolder."""
    if Path(place).exists() or not is_git(place):
        yield Path(place)
        return
    if shutil.which("git") is None:
        raise BadFolder("git is not installed, and an address needs it. Fetch the folder yourself and push that.")
    with tempfile.TemporaryDirectory(prefix="desirepath-git-") as inside:
        address, _, branch = place.partition("#")
        folder = Path(inside) / name_of(address)
        at = ["--branch", branch] if branch else []
        command = ["git", "clone", "--quiet", "--depth", "1", *at, "--", address, str(folder)]
        env = for_git()
        done = subprocess.run(command, capture_output=True, text=True, env=env, check=False)
        if done.returncode:
            raise BadFolder(f"{place} could not be fetched. {done.stderr.strip()}")
        yield folder


def is_git(place: str) -> bool:
    return "://" in place or place.endswith(".git") or (place.startswith("git@") and ":" in place)


def name_of(place: str) -> str:
    """The last part of a folder's path or of an address: `guestbook`."""
    last = place.partition("#")[0].rstrip("/").rpartition("/")[2].removesuffix(".git")
    return last if last not in ("", ".", "..") else Path(place).resolve().name
