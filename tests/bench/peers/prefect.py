"""Prefect with the server it starts by itself (SQLite); sync flows one at a time, async ones side by side."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import urllib.error
import urllib.request
from typing import Any

from prefect import flow, task

from tests.bench.peers.contract import Peer, Work, body, serve


@task
def step(number: int) -> None:
    body(number)


@task
async def async_step(number: int) -> None:
    body(number)


@flow
def sequence(number: int) -> None:
    for i in range(number):
        step(i)


@flow
def fan(number: int) -> None:
    for future in [step.submit(i) for i in range(number)]:
        future.result()


@flow
async def three() -> None:
    for i in range(3):
        await async_step(i)


async def gathered(number: int) -> None:
    await asyncio.gather(*[three() for _ in range(number)])


@flow
def waiting() -> None:
    """What a standing deployment serves."""


class Prefect(Peer):
    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.children: list[subprocess.Popen[bytes]] = []

    def sequence(self, number: int) -> tuple[int, Work]:
        return number, lambda: sequence(number)

    def fan(self, number: int) -> tuple[int, Work]:
        return number, lambda: fan(number)

    def many(self, number: int) -> tuple[int, Work]:
        return 3 * number, lambda: asyncio.run(gathered(number))

    def idle(self) -> list[int]:
        """A server, and a process that serves one flow."""
        port = os.environ["BENCH_PORT"]
        self._start("-m", "prefect", "server", "start", "--port", port)
        while not self._answers(f"http://127.0.0.1:{port}/api/health"):
            if self.children[0].poll() is not None:
                raise SystemExit("the Prefect server ended")
        os.environ["PREFECT_API_URL"] = f"http://127.0.0.1:{port}/api"
        self._start("-c", "from tests.bench.peers.prefect import waiting; waiting.serve('bench')")
        return [child.pid for child in self.children]

    def _start(self, *command: str) -> None:
        self.children.append(subprocess.Popen([sys.executable, *command]))

    @staticmethod
    def _answers(address: str) -> bool:
        try:
            return bool(urllib.request.urlopen(address, timeout=5).status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def close(self) -> None:
        for child in reversed(self.children):
            child.terminate()
            child.wait(20)


if __name__ == "__main__":
    serve(Prefect)
