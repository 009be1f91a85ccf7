"""Folders packed as .tar.gz or .zip: what is in them, and unpacking them so that nothing reaches outside.

Pure files. An archive comes from whoever may hand one in, so nothing in it is believed.
"""

from __future__ import annotations

import os
import shutil
import stat
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO


class BadArchive(ValueError):
    """It cannot be read or unpacked. The message says what is wrong with it."""


MOST_BYTES = 2 << 30  # unpacked
MOST_FILES = 200_000


@dataclass(frozen=True)
class Member:
    """One thing in an archive: `link` for a symbolic link, neither `link` nor `data` for a folder."""

    name: str
    size: int = 0
    runs: bool = False  # may be executed
    link: str | None = None
    data: IO[bytes] | None = None


def unpack(members: Iterator[Member], folder: Path) -> None:
    """Files, folders and links into `folder`. Raises BadArchive for what would leave it, or is too much."""
    size = 0
    root = os.path.realpath(folder)
    for count, member in enumerate(members):
        place = _inside(root, member.name)
        size += member.size
        if count >= MOST_FILES or size > MOST_BYTES:
            raise BadArchive(f"The folder is too large: at most {MOST_FILES} files and {MOST_BYTES >> 30} GB.")
        if member.link is not None:
            _inside(root, os.path.join(os.path.dirname(member.name), member.link), link=member.name)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.symlink_to(member.link)
        elif member.data is not None:
            place.parent.mkdir(parents=True, exist_ok=True)
            with member.data, place.open("xb") as out:
                shutil.copyfileobj(member.data, out, 1 << 20)
            place.chmod(0o700 if member.runs else 0o600)
        else:
            place.mkdir(parents=True, exist_ok=True)


@contextmanager
def members(archive: Path) -> Iterator[Iterator[Member]]:
    """What is in a .tar.gz or .zip, in its order. Raises BadArchive for what is neither."""
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as packed:
                yield _zipped(packed)
        else:
            with tarfile.open(archive, "r|*") as stream:
                yield _tarred(stream)
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError) as error:
        raise BadArchive(f"This is no folder that can be read, neither .tar.gz nor .zip: {error}") from error


def _tarred(stream: tarfile.TarFile) -> Iterator[Member]:
    for item in stream:
        if item.isfile():
            yield Member(item.name, item.size, bool(item.mode & 0o100), data=stream.extractfile(item))
        elif item.issym():
            yield Member(item.name, link=item.linkname)
        elif item.isdir():
            yield Member(item.name)
        else:
            raise BadArchive(
                f"{item.name} is neither a file, a folder nor a symbolic link. Leave it out of the folder."
            )


def _zipped(packed: zipfile.ZipFile) -> Iterator[Member]:
    for item in packed.infolist():
        mode = item.external_attr >> 16
        if item.is_dir():
            yield Member(item.filename)
        elif stat.S_ISLNK(mode):
            yield Member(item.filename, link=packed.read(item).decode("utf-8", "replace"))
        else:
            yield Member(item.filename, item.file_size, bool(mode & 0o100), data=packed.open(item))


def _inside(root: str, name: str, *, link: str = "") -> Path:
    """The path of this name below the folder. Raises BadArchive when it, or a link unpacked before, leads outside."""
    parent = os.path.realpath(os.path.join(root, os.path.dirname(name)))
    place = os.path.realpath(os.path.join(root, name)) if link else os.path.join(parent, os.path.basename(name))
    if PurePosixPath(name).is_absolute() or os.path.commonpath([root, os.path.realpath(place)]) != root:
        what = f"The link {link} leads" if link else f"{name} is"
        raise BadArchive(f"{what} out of the folder. Put the file itself there, or leave it out.")
    return Path(place)


def top(unpacked: Path) -> Path:
    """The single folder at the top, as code hosts pack them, else all of it."""
    there = list(unpacked.iterdir())
    return there[0] if len(there) == 1 and there[0].is_dir() and not there[0].is_symlink() else unpacked


def texts(archive: Path, wanted: Callable[[str], bool], most: int) -> dict[str, bytes]:
    """The files of these names (below a single folder at the top) that have at most `most` bytes; of others the names
    alone, with nothing in them."""
    contents: dict[str, bytes] = {}
    with members(archive) as listed:
        for member in listed:
            if member.data is not None:
                name = str(PurePosixPath(member.name))
                small = member.size <= most and wanted(name.rpartition("/")[2])
                contents[name] = member.data.read(most) if small else b""
    tops = {name.partition("/")[0] if "/" in name else "" for name in contents}
    only = tops.pop() if len(tops) == 1 else ""
    return {name.removeprefix(f"{only}/"): data for name, data in contents.items()} if only else contents
