"""The command line of every peer (see `peers/__init__`). Standard library only: it runs in the peers' environments."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

LONG = 400  # steps of the run that is killed
Work = Callable[[], Any]


class Peer:
    """What a peer overrides. The three kinds of work are prepared by the call and done by what it returns."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.variant = os.environ.get("BENCH_VARIANT", "")

    def open(self) -> dict[str, Any]:
        """Get ready to run things; returns facts worth telling."""
        return {}

    def close(self) -> None:
        pass

    def sequence(self, number: int) -> tuple[int, Work]:
        raise NotImplementedError

    def fan(self, number: int) -> tuple[int, Work]:
        raise NotImplementedError

    def many(self, number: int) -> tuple[int, Work]:
        raise NotImplementedError

    def begin(self) -> None:
        self.sequence(LONG)[1]()

    def resume(self) -> None:
        self.begin()

    def idle(self) -> list[int]:
        """Start what stands there; the pids. The process itself counts when it is among them."""
        self.open()
        return [os.getpid()]


def body(number: int) -> None:
    """What every step does: nothing, except that it is noted where a kill is measured."""
    if place := os.environ.get("BENCH_LINES"):
        with open(place, "a") as lines:
            lines.write(f"{number}\n")


def serve(kind: type[Peer]) -> None:
    command, folder = sys.argv[1], Path(sys.argv[2])
    # Peers print what they like; the answers go where nobody else writes.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    peer = kind(folder)
    if command == "idle":
        print(json.dumps({"pids": peer.idle()}), file=answers)
        sys.stdin.read()
        peer.close()
        return
    facts = peer.open()
    try:
        _COMMANDS[command](peer, facts, lambda said: print(json.dumps(said), file=answers))
    finally:
        peer.close()


def _measure(peer: Peer, facts: dict[str, Any], say: Callable[[dict[str, Any]], None]) -> None:
    peer.sequence(3)[1]()
    say({"ready": True, **facts})
    for line in sys.stdin:
        what, number = line.split()
        steps, work = getattr(peer, what)(int(number))
        began = time.perf_counter()
        work()
        say({"seconds": time.perf_counter() - began, "steps": steps})


_COMMANDS: dict[str, Callable[[Peer, dict[str, Any], Callable[[dict[str, Any]], None]], None]] = {
    "measure": _measure,
    "once": lambda peer, facts, say: peer.sequence(3)[1](),
    "begin": lambda peer, facts, say: peer.begin(),
    "resume": lambda peer, facts, say: peer.resume(),
}
