"""Dagster on its own SQLite storage; BENCH_VARIANT is the executor, `in_process` or `multiprocess`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import dagster

from tests.bench.peers.contract import LONG, Peer, Work, body, serve

EXECUTORS = {"in_process": dagster.in_process_executor, "multiprocess": dagster.multiprocess_executor}


def op(number: int, after: bool) -> Any:
    ins = {"after": dagster.In(dagster.Nothing)} if after else {}

    @dagster.op(name=f"s{number}", ins=ins, out=dagster.Out(dagster.Nothing))
    def step() -> None:
        body(number)

    return step


def rebuilt(shape: str, number: int, executor: str) -> Any:
    """The job, in whichever process asks."""

    @dagster.job(name=f"{shape}_{number}", executor_def=EXECUTORS[executor])
    def made() -> None:
        if shape == "fan":
            # The join is an op too, as everywhere else it is what waits for the last.
            op(number, True)([op(i, False)() for i in range(number)])
            return
        last = op(0, False)()
        for i in range(1, number):
            last = op(i, True)(last)

    return made


class Dagster(Peer):
    server: subprocess.Popen[bytes] | None = None

    def open(self) -> dict[str, Any]:
        (self.folder / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
        os.environ["DAGSTER_HOME"] = str(self.folder)
        self.instance = dagster.DagsterInstance.get()
        return {}

    def _job(self, shape: str, number: int) -> Any:
        return dagster.build_reconstructable_job(
            "tests.bench.peers.dagster", "rebuilt", reconstructable_args=(shape, number, self.variant)
        )

    def _execute(self, job: Any) -> None:
        with dagster.execute_job(job, instance=self.instance) as result:
            if not result.success:
                raise SystemExit("Dagster says that the run failed")

    def sequence(self, number: int) -> tuple[int, Work]:
        job = self._job("sequence", number)
        return number, lambda: self._execute(job)

    def fan(self, number: int) -> tuple[int, Work]:
        job = self._job("fan", number)
        return number, lambda: self._execute(job)

    def many(self, number: int) -> tuple[int, Work]:
        """One after another: from several threads of a process, Dagster 1.13 did not come to an end here."""
        job = self._job("sequence", 3)

        def work() -> None:
            for _ in range(number):
                self._execute(job)

        return 3 * number, work

    def resume(self) -> None:
        """The run stands as started for ever: called failed by hand, it is executed again from there."""
        run = self.instance.get_runs(limit=1)[0]
        self.instance.report_run_failed(run)
        options = dagster.ReexecutionOptions.from_failure(run.run_id, self.instance)
        job = self._job("sequence", LONG)
        with dagster.execute_job(job, instance=self.instance, reexecution_options=options):
            pass

    def idle(self) -> list[int]:
        """Web server, daemon and code server, as `dagster dev` starts them."""
        self.open()
        (self.folder / "served.py").write_text("import dagster\n\n@dagster.job\ndef nothing(): pass\n")
        port = os.environ["BENCH_PORT"]
        command = [str(Path(sys.executable).parent / "dagster"), "dev", "-f", "served.py", "-p", port]
        self.server = subprocess.Popen(command, cwd=self.folder)
        return [self.server.pid]

    def close(self) -> None:
        if self.server:
            self.server.terminate()
            self.server.wait(30)


if __name__ == "__main__":
    serve(Dagster)
