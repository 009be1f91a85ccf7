"""What a workload printed, in segments of bounded size: `log.OFFSET` begins at that byte of all it ever printed.

The oldest segments are dropped, so a program that prints without end cannot fill the disk, and a reader's offset stays
valid for ever. Bytes are kept as they came. Standard library only (the shim writes with it).
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

SEGMENT = 4 << 20  # bytes
KEPT = 4  # segments: a workload's log is at most 16 MB


def segments(folder: Path) -> list[tuple[int, Path]]:
    """(offset of its first byte, file), oldest first."""
    listed = []
    with contextlib.suppress(FileNotFoundError):
        for entry in os.scandir(folder):
            head, _, number = entry.name.partition(".")
            if head == "log" and number.isdigit():
                listed.append((int(number), Path(entry.path)))
    return sorted(listed)


class Writer:
    """Appends to a workload's log. Output that finds no room on the disk is dropped rather than kept waiting."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        existing = segments(folder)
        self.begin = existing[-1][0] if existing else 0
        self.file = self._open(self.begin)
        self.size = os.fstat(self.file).st_size

    def _open(self, begin: int) -> int:
        return os.open(self.folder / f"log.{begin:020d}", os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def write(self, data: bytes) -> None:
        with contextlib.suppress(OSError):
            if self.size >= SEGMENT:
                self._turn()
            self.size += os.write(self.file, data)

    def _turn(self) -> None:
        following = self._open(self.begin + self.size)  # first: without room for it the old one is written on
        os.close(self.file)
        self.file, self.begin, self.size = following, self.begin + self.size, 0
        for _, old in segments(self.folder)[:-KEPT]:
            with contextlib.suppress(FileNotFoundError):
                old.unlink()

    def close(self) -> None:
        os.close(self.file)


def read(folder: Path, offset: int, limit: int) -> tuple[bytes, int]:
    """(at most `limit` bytes from `offset` on, the offset after them). A negative offset counts from the end; one
    whose segment was dropped begins at the oldest byte there is."""
    existing = segments(folder)
    if not existing:
        return b"", max(offset, 0)
    last, newest = existing[-1]
    end = last + newest.stat().st_size
    start = max(existing[0][0], end + offset if offset < 0 else offset)
    parts: list[bytes] = []
    at = start
    for begin, path in existing:
        if limit <= 0 or at < begin:
            break
        with contextlib.suppress(FileNotFoundError), open(path, "rb") as file:
            file.seek(at - begin)
            data = file.read(limit)
            parts.append(data)
            at += len(data)
            limit -= len(data)
    return b"".join(parts), at
