"""Luigi with its local scheduler; a task's output is a file, without which it could not resume."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import luigi

from tests.bench.peers.contract import Peer, Work, body, serve


class Step(luigi.Task):
    place = luigi.Parameter()
    number = luigi.IntParameter()
    after = luigi.IntParameter(default=-1)  # how many steps stand before it

    def requires(self) -> list[Any]:
        return [Step(self.place, self.number - 1, self.after - 1)] if self.after > 0 else []

    def output(self) -> Any:
        return luigi.LocalTarget(f"{self.place}/{self.number}")

    def run(self) -> None:
        body(self.number)
        with self.output().open("w"):
            pass


class Join(luigi.Task):
    place = luigi.Parameter()
    number = luigi.IntParameter()

    def requires(self) -> list[Any]:
        return [Step(self.place, i) for i in range(self.number)]

    def output(self) -> Any:
        return luigi.LocalTarget(f"{self.place}/joined")

    def run(self) -> None:
        with self.output().open("w"):
            pass


def build(tasks: list[Any]) -> None:
    if not luigi.build(tasks, local_scheduler=True, log_level="ERROR"):
        raise SystemExit("Luigi says that something failed")


class Luigi(Peer):
    server: subprocess.Popen[bytes] | None = None

    def _place(self) -> str:
        return tempfile.mkdtemp(dir=self.folder)

    def sequence(self, number: int) -> tuple[int, Work]:
        place = self._place()
        return number, lambda: build([Step(place, number - 1, number - 1)])

    def fan(self, number: int) -> tuple[int, Work]:
        place = self._place()
        return number, lambda: build([Join(place, number)])

    def many(self, number: int) -> tuple[int, Work]:
        places = [self._place() for _ in range(number)]
        return 3 * number, lambda: build([Step(place, 2, 2) for place in places])

    def begin(self) -> None:
        build([Step(str(self.folder), 399, 399)])

    def idle(self) -> list[int]:
        """Its central scheduler, the only part that stands."""
        command = [str(Path(sys.executable).parent / "luigid"), "--port", "0", "--state-path", "state.pickle"]
        self.server = subprocess.Popen(command, cwd=self.folder)
        return [self.server.pid]

    def close(self) -> None:
        if self.server:
            self.server.terminate()
            self.server.wait(10)


if __name__ == "__main__":
    serve(Luigi)
