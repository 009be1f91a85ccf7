"""Files by content: a file is named by its sha256, so it is stored once and can never change under a reader.

Pure files, no database: the engine notes which object means which sha256.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, BinaryIO, cast

SHA256 = re.compile(r"[0-9a-f]{64}")
CHUNK = 1 << 20  # bytes read at a time
DEFAULT_LIMIT = 2 << 30  # bytes
FULL = (errno.ENOSPC, errno.EDQUOT)  # what the kernel says of a full disk
NO_ROOM = (*FULL, errno.EFBIG)  # the last: larger than the file system or a limit allows


class ArtefactError(Exception):
    """A file could not be stored or found; the message is a sentence for a person. Nothing was left behind."""


class DiskFull(ArtefactError):
    """There is no room; trying again helps when there is."""


def human(size: int) -> str:
    """Bytes for a person: `12.5 MB`."""
    value = float(size)
    for unit in ("bytes", "KB", "MB", "GB"):
        if value < 1024 or unit == "GB":
            return f"{value:.0f} {unit}" if unit == "bytes" else f"{value:.1f} {unit}"
        value /= 1024
    raise AssertionError("unreachable")


class Artefacts:
    """A folder of files named by their sha256, two levels deep: `ab/abcdef…`."""

    def __init__(self, root: Path) -> None:
        self.root = Path(root)

    def path(self, sha: str) -> Path:
        """Where the file of this sha256 stands. Raises ArtefactError when it is not there or is not a sha256."""
        place = self._place(sha)
        if not place.is_file():
            raise ArtefactError(f"There is no file {sha[:12]}… in the store.")
        return place

    def has(self, sha: str) -> bool:
        return self._place(sha).is_file()

    def open(self, sha: str) -> BinaryIO:
        """Read a file; the caller closes it."""
        return self.path(sha).open("rb")

    def size(self, sha: str) -> int:
        """Bytes."""
        return self.path(sha).stat().st_size

    def put(self, source: IO[bytes] | Path, *, limit: int = DEFAULT_LIMIT) -> str:
        """Store a stream or a file and return its sha256.

        The file appears under its name only when it is whole and on disk. Raises ArtefactError when it is larger than
        `limit` bytes, when the disk is full, or when it cannot be read.
        """
        if isinstance(source, Path):
            try:
                with source.open("rb") as stream:
                    return self._store(stream, limit)
            except OSError as error:
                raise ArtefactError(f"{source.name} cannot be read: {error.strerror}.") from error
        return self._store(source, limit)

    def _place(self, sha: str) -> Path:
        if not SHA256.fullmatch(sha):
            raise ArtefactError(f"“{sha[:80]}” is not a sha256.")
        return self.root / sha[:2] / sha

    def _store(self, stream: IO[bytes], limit: int) -> str:
        try:
            with self._temporary() as (out, name):
                sha = _copy(stream, out, limit)
                out.flush()
                os.fsync(out.fileno())
                self._settle(name, sha)
                return sha
        except OSError as error:
            if error.errno in NO_ROOM:
                raise DiskFull(
                    "The disk is full: the file was not stored. Make room where DESIREPATH_HOME is, then try again."
                ) from error
            raise ArtefactError(f"The file could not be stored: {error.strerror or error}.") from error

    def _settle(self, name: str, sha: str) -> None:
        place = self._place(sha)
        place.parent.mkdir(mode=0o700, exist_ok=True)
        os.chmod(name, 0o400)
        os.replace(name, place)
        sync_folder(place.parent)

    @contextlib.contextmanager
    def _temporary(self) -> Iterator[tuple[BinaryIO, str]]:
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=".incoming-", dir=self.root)
        try:
            with os.fdopen(handle, "wb") as out:
                yield cast(BinaryIO, out), name
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name)


def _copy(stream: IO[bytes], out: BinaryIO, limit: int) -> str:
    """Copy and return the sha256; more than `limit` bytes raises."""
    digest = hashlib.sha256()
    size = 0
    while chunk := stream.read(CHUNK):
        size += len(chunk)
        if size > limit:
            raise ArtefactError(f"The file is larger than the {human(limit)} that are allowed. It was not stored.")
        digest.update(chunk)
        out.write(chunk)
    return digest.hexdigest()


def sync_folder(folder: Path) -> None:
    """Flush a folder to disk: only then does a rename in it last."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
