"""Waiting for what another process or thread must do: as long as it takes, up to a bound for what never comes."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
BOUND = 240.0  # seconds; less than pytest's timeout, so that the message says what did not come
SHORTEST, LONGEST = 0.01, 0.2  # seconds between two looks


def until(found: Callable[[], T | None], seconds: float = BOUND, what: str | Callable[[], object] = "") -> T:
    """Call `found` until it returns something true, and return that.

    The pause between two calls grows with the time waited, because each call takes time from the awaited process.
    """
    began = time.monotonic()
    while True:
        if value := found():
            return value
        waited = time.monotonic() - began
        assert waited < seconds, f"waited {seconds} s in vain {what() if callable(what) else what}"
        time.sleep(min(LONGEST, max(SHORTEST, waited / 10)))  # another process rings no event of ours
