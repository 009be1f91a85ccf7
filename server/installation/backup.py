"""Backup and recovery of an embedded home: `manage.py backup FILE` and `manage.py recover FILE`.

A backup is made while everything runs. The database comes first, as of one moment. Files are named by their content, so
files that are added later do no harm. The keys are included: keep the file as safe as the home. Environments, which are
built again, and logs are not. The last member lists the digests of all others, so that a truncated file is noticed.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import secrets
import shutil
import sqlite3
import tarfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

from engine.artefacts.store import NO_ROOM, human, sync_folder
from engine.targets.local import LocalTarget
from engine.targets.local import backup as local_backup
from server.installation.embedded import is_ours

FORMAT = 1
MANIFEST = "manifest.json"
DATABASE = "db.sqlite3"
BESIDE = {"up.lock", "secret_key"}  # what a home has before anybody used it, with empty folders
HEARTBEATS = ("engine_engineheartbeat", "engine_presence")  # the second: in a backup of version 0.3 and older
Tell = Callable[[str], None]


class BackupError(Exception):
    """The backup or recovery failed and changed nothing; the message says why and what to do."""


# --- there -----------------------------------------------------------------------------------------------------------


def backup(home: Path, file: Path, tell: Tell, *, sqlite: bool = True) -> int:
    """Write `file`, whole or not at all, readable by its owner alone. Returns its bytes. Raises BackupError."""
    draft = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    try:
        with _private(draft) as stream, tarfile.open(fileobj=stream, mode="w") as tar:
            archive = _Archive(tar)
            if sqlite:
                _add_database(archive, home, draft, tell)
            _add_files(archive, home, file, tell)
            archive.finish("sqlite" if sqlite else "postgresql")
        draft.replace(file)
        sync_folder(file.parent)
    except (OSError, sqlite3.Error) as error:
        raise BackupError(_why(error, f"{file} was not written", "Make room there, or name another place.")) from error
    finally:
        draft.unlink(missing_ok=True)
    return file.stat().st_size


class _Archive:
    """A tar that remembers the digest of all it was given."""

    def __init__(self, tar: tarfile.TarFile) -> None:
        self.tar = tar
        self.digests: dict[str, str] = {}

    def add(self, name: str, source: Path | bytes) -> None:
        """A file that is gone meanwhile is left out: what the database needs is never taken away."""
        try:
            with io.BytesIO(source) if isinstance(source, bytes) else source.open("rb") as stream:
                self._copy(name, stream)
        except FileNotFoundError:
            return

    def _copy(self, name: str, stream: IO[bytes]) -> None:
        size = stream.seek(0, os.SEEK_END)
        stream.seek(0)
        info = tarfile.TarInfo(name)
        info.size, info.mode, info.mtime = size, 0o600, int(time.time())
        hashing = _Hashing(stream)
        self.tar.addfile(info, hashing)
        self.digests[name] = hashing.digest.hexdigest()

    def finish(self, database: str) -> None:
        manifest = {"format": FORMAT, "made_at": time.time(), "database": database, "files": self.digests}
        self.add(MANIFEST, json.dumps(manifest).encode())


class _Hashing(io.RawIOBase):
    """Reads from a stream and keeps the digest of what was read: each file is read once."""

    def __init__(self, stream: IO[bytes]) -> None:
        self.stream = stream
        self.digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        data = self.stream.read(size)
        self.digest.update(data)
        return data


def _add_database(archive: _Archive, home: Path, draft: Path, tell: Tell) -> None:
    """SQLite's own copy: as of one moment, while others write."""
    copy = draft.with_name(f"{draft.name}.db")
    try:
        with _private(copy):
            pass
        with _opened(home / DATABASE) as live, _opened(copy) as made:
            live.backup(made)
        tell(f"The database as of now, {human(copy.stat().st_size)}")
        archive.add(DATABASE, copy)
    finally:
        copy.unlink(missing_ok=True)


def _opened(path: Path) -> contextlib.closing[sqlite3.Connection]:
    return contextlib.closing(sqlite3.connect(path, timeout=20))


def _add_files(archive: _Archive, home: Path, file: Path, tell: Tell) -> None:
    for path in sorted(home.iterdir()):
        ours = path.is_file() and not path.name.startswith((".", DATABASE)) and path.name != "up.lock"
        if ours and path != file:  # also not the backup of yesterday, where it has the same name
            archive.add(path.name, path)
    artefacts = sorted(path for path in (home / "artefacts").glob("*/*") if path.is_file())
    tell(f"{len(artefacts)} files handed in or made, {human(sum(path.stat().st_size for path in artefacts))}")
    for path in artefacts:
        archive.add(str(path.relative_to(home)), path)
    for name, source in local_backup.kept(LocalTarget(home)):
        archive.add(f"local/{name}", source)
    tell("What runs on this machine, without its environments: they are built again")


# --- and back --------------------------------------------------------------------------------------------------------


def recover(file: Path, home: Path, tell: Tell) -> dict[str, Any]:
    """Fill an empty home from a backup; all of it or nothing. Returns the manifest. Raises BackupError."""
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _held(home):
        _refuse_used(home)
        draft = home / f".recovering-{secrets.token_hex(4)}"
        try:
            draft.mkdir(mode=0o700)
            manifest = _unpack(file, draft)
            tell(f"{len(manifest['files'])} files of {time.ctime(manifest['made_at'])}, each as its digest says")
            _check_database(draft)
            services = local_backup.settle(LocalTarget(draft))
            _move_in(draft, home)
        except (OSError, sqlite3.Error) as error:
            what = f"{file} was not recovered, and {home} is as it was"
            raise BackupError(_why(error, what, "Make room there, or name another with --into.")) from error
        finally:
            shutil.rmtree(draft, ignore_errors=True)
        tell(f"{len(services)} services to build again when it runs")
    return manifest


@contextlib.contextmanager
def _held(home: Path) -> Iterator[None]:
    """Hold the home's lock, so that nothing starts it meanwhile."""
    with (home / "up.lock").open("a+") as lock:
        if not is_ours(lock):
            raise BackupError(f"Desirepath runs from {home}. End it with `make stop`, or name another home.")
        yield


def _refuse_used(home: Path) -> None:
    for path in sorted(home.iterdir()):
        if path.name.startswith(".recovering-"):  # a recovery that was killed
            shutil.rmtree(path, ignore_errors=True)
        elif path.name not in BESIDE and (not path.is_dir() or any(path.iterdir())):
            raise BackupError(
                f"{home} is in use: there is {path.name}. Nothing was changed. Name an empty home with --into."
            )


def _unpack(file: Path, draft: Path) -> dict[str, Any]:
    digests: dict[str, str] = {}
    try:
        with tarfile.open(file, "r:") as tar:
            for info in tar:
                _unpack_one(tar, info, draft, digests)
    except (tarfile.TarError, EOFError) as error:
        raise BackupError(f"{file} is not a whole backup: {error}. Nothing was changed. Take another one.") from error
    return _checked(file, draft / MANIFEST, digests)


def _unpack_one(tar: tarfile.TarFile, info: tarfile.TarInfo, draft: Path, digests: dict[str, str]) -> None:
    safe = tarfile.data_filter(info, str(draft))  # nothing outside, no links out, no devices
    stream = tar.extractfile(safe)
    if stream is None:
        raise tarfile.ReadError(f"{info.name} is no file")
    place = draft / safe.name
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    hashing = _Hashing(stream)
    with _private(place) as out:
        shutil.copyfileobj(hashing, out)
    digests[safe.name] = hashing.digest.hexdigest()


def _checked(file: Path, manifest: Path, digests: dict[str, str]) -> dict[str, Any]:
    digests.pop(MANIFEST, None)
    try:
        contents: dict[str, Any] = json.loads(manifest.read_text())
        wrong = sorted(
            n for n in contents["files"].keys() | digests.keys() if contents["files"].get(n) != digests.get(n)
        )
    except (OSError, ValueError, LookupError, AttributeError) as error:
        raise BackupError(f"{file} is not a whole backup: its end is missing. Nothing was changed.") from error
    if contents.get("format") != FORMAT:
        raise BackupError(
            f"{file} is of format {contents.get('format')}; this Desirepath reads {FORMAT}. Take a newer one."
        )
    if wrong:
        raise BackupError(f"{file} is damaged: {wrong[0]} and {len(wrong) - 1} more differ. Nothing was changed.")
    manifest.unlink()
    return contents


def _check_database(draft: Path) -> None:
    """Check the database's integrity, and delete the heartbeats of engines."""
    if not (draft / DATABASE).exists():
        return
    with _opened(draft / DATABASE) as database:
        verdict = database.execute("PRAGMA quick_check").fetchone()[0]
        if verdict != "ok":
            raise BackupError(
                f"The database in the backup is damaged: {verdict}. Nothing was changed. Take another one."
            )
        for table in HEARTBEATS:
            if database.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (table,)).fetchone():
                database.execute(f"DELETE FROM {table}")  # noqa: S608 - a name of our own
        database.commit()


def _move_in(draft: Path, home: Path) -> None:
    """Move the files into the home, the database last: a home with a database is complete."""
    for path in sorted(draft.iterdir(), key=lambda path: path.name == DATABASE):
        place = home / path.name
        if place.is_dir():
            place.rmdir()  # empty, or it would have been refused
        elif place.exists():
            place.rename(home / f"{path.name}.before")  # a key that somebody may miss
        path.rename(place)
    for path in (home / "artefacts").glob("*/*"):
        path.chmod(0o400)
    for name in ("artefacts", "logs", "static"):
        (home / name).mkdir(mode=0o700, exist_ok=True)
    sync_folder(home)


# --- both ------------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _private(path: Path) -> Iterator[IO[bytes]]:
    """A new file, readable by its owner alone from the moment it exists; on disk when this ends well."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
        yield stream
        stream.flush()
        os.fsync(stream.fileno())


def _why(error: OSError | sqlite3.Error, what: str, room: str) -> str:
    full = getattr(error, "errno", None) in NO_ROOM or "full" in str(error)
    return f"{what}: the disk is full. {room}" if full else f"{what}: {error}."
