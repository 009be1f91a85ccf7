"""Sends requests to a live deployment while a run changes it, as its users would, and counts the answers."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx


class Traffic(threading.Thread):
    """Asks one thing after another until it is stopped, at most so many."""

    def __init__(self, ask: Callable[[httpx.Client, int], httpx.Response], most: int, pause: float = 0) -> None:
        super().__init__(daemon=True)
        self.ask, self.most, self.pause = ask, most, pause
        self.sent = self.failed = 0
        self.ending = threading.Event()

    def run(self) -> None:
        with httpx.Client(timeout=10) as client:
            while not self.ending.is_set() and self.sent < self.most:
                try:
                    self.failed += self.ask(client, self.sent).status_code != 200
                except httpx.HTTPError:
                    self.failed += 1
                self.sent += 1
                self.ending.wait(self.pause)

    def stop(self) -> None:
        self.ending.set()
        self.join(timeout=15)


@contextmanager
def meanwhile(traffic: Traffic) -> Iterator[Traffic]:
    traffic.start()
    try:
        yield traffic
    finally:
        traffic.stop()
