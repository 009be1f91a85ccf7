"""Counts of one release, in a small file that is mapped into memory: they outlive a killed gateway without a write per
request. Standard library only (the gateway writes with it).

The file is an array of unsigned 64-bit integers: requests, errors, retried, and a histogram of latencies. A bucket is a
tenth of a doubling wide (7 %), from 50 µs. The histogram slides: when it holds WINDOW answers, all are halved.
"""

from __future__ import annotations

import math
import mmap
import os
from pathlib import Path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

BUCKETS = 240
SMALLEST = 50e-6  # seconds; the last bucket is above 800 s
PER_DOUBLING = 10
WINDOW = 4096
HEAD = 4  # requests, errors, retried, answers in the histogram
SIZE = (HEAD + BUCKETS) * 8
REQUESTS, ERRORS, RETRIED, HELD = range(HEAD)


class Counter:
    """The gateway's side: writes."""

    def __init__(self, path: Path) -> None:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            if os.fstat(handle).st_size < SIZE:
                os.posix_fallocate(handle, 0, SIZE) if hasattr(os, "posix_fallocate") else os.ftruncate(handle, SIZE)
            self.values = memoryview(mmap.mmap(handle, SIZE)).cast("Q")
        finally:
            os.close(handle)

    def answered(self, seconds: float, *, error: bool) -> None:
        values = self.values
        values[REQUESTS] += 1
        if error:
            values[ERRORS] += 1
        bucket = int(math.log2(seconds / SMALLEST) * PER_DOUBLING) if seconds > SMALLEST else 0
        values[HEAD + min(bucket, BUCKETS - 1)] += 1
        values[HELD] += 1
        if values[HELD] >= WINDOW:
            self._slide()

    def failed(self, *, retried: bool) -> None:
        """No answer of its own: refused, cut off, or answered by another release instead."""
        self.values[REQUESTS] += 1
        self.values[ERRORS] += 1
        if retried:
            self.values[RETRIED] += 1

    def _slide(self) -> None:
        for index in range(HEAD, HEAD + BUCKETS):
            self.values[index] >>= 1
        self.values[HELD] = sum(self.values[HEAD:])


def read(path: Path) -> tuple[int, int, int, float | None, float | None]:
    """(requests, errors, retried, p50 in ms, p95 in ms)."""
    try:
        data = memoryview(path.read_bytes()[:SIZE]).cast("Q")
    except (OSError, TypeError):
        return 0, 0, 0, None, None
    if len(data) < HEAD + BUCKETS:
        return 0, 0, 0, None, None
    buckets = data[HEAD:]
    return data[REQUESTS], data[ERRORS], data[RETRIED], _quantile(buckets, 0.5), _quantile(buckets, 0.95)


def _quantile(buckets: Sequence[int], share: float) -> float | None:
    """The middle of the bucket in which this share of the answers is reached, in ms."""
    total = sum(buckets)
    counted = 0
    for index, count in enumerate(buckets):
        counted += count
        if count and counted >= share * total:
            return round(float(SMALLEST * 2 ** ((index + 0.5) / PER_DOUBLING)) * 1000, 3)
    return None
