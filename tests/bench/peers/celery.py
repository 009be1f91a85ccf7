"""Celery's canvas on Redis (broker and results), a prefork worker of two, its other settings as they come."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

from celery import Celery, chain, chord, group

from tests.bench.peers.contract import LONG, Peer, Work, body, serve

REDIS = f"redis://127.0.0.1:{os.environ.get('BENCH_REDIS', '6379')}"
app = Celery("tests.bench.peers.celery", broker=f"{REDIS}/0", backend=f"{REDIS}/1")


@app.task(name="bench.step")
def step(number: int) -> None:
    body(number)


@app.task(name="bench.join")
def join(results: list[Any]) -> None:
    pass


def steps(number: int) -> Any:
    return chain(*[step.si(i) for i in range(number)])


class Canvas(Peer):
    worker: subprocess.Popen[bytes] | None = None

    def open(self) -> dict[str, Any]:
        sys.setrecursionlimit(20_000)  # a chain's result is a list linked by its parents
        command = [sys.executable, "-m", "celery", "-A", "tests.bench.peers.celery", "worker", "-c", "2", "-l", "ERROR"]
        self.worker = subprocess.Popen(command)
        if not os.environ.get("BENCH_LINES"):
            step.delay(0).get(timeout=30)
        return {}

    def close(self) -> None:
        if self.worker:
            self.worker.terminate()
            self.worker.wait(20)

    def sequence(self, number: int) -> tuple[int, Work]:
        return number, lambda: steps(number).apply_async().get()

    def fan(self, number: int) -> tuple[int, Work]:
        return number, lambda: chord(group(step.si(i) for i in range(number)))(join.s()).get()

    def many(self, number: int) -> tuple[int, Work]:
        def work() -> None:
            for result in [steps(3).apply_async() for _ in range(number)]:
                result.get()

        return 3 * number, work

    def begin(self) -> None:
        steps(LONG).apply_async().get()

    def resume(self) -> None:
        """The worker stands again; whether the broker gives it the step that was lost is what is measured."""
        assert self.worker
        self.worker.wait()

    def idle(self) -> list[int]:
        """The worker, and Redis, which whoever started this names."""
        self.open()
        assert self.worker
        return [self.worker.pid, int(os.environ["BENCH_REDIS_PID"])]


if __name__ == "__main__":
    serve(Canvas)
