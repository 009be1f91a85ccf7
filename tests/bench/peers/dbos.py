"""DBOS on SQLite, set up as its documentation's first page does."""

from __future__ import annotations

from typing import Any

import sqlalchemy
from dbos import DBOS

from tests.bench.peers.contract import LONG, Peer, Work, body, serve


@DBOS.step()
def step(number: int) -> None:
    body(number)


@DBOS.workflow()
def sequence(number: int) -> None:
    for i in range(number):
        step(i)


@DBOS.workflow()
def one(number: int) -> None:
    step(number)


@DBOS.workflow()
def fan(number: int) -> None:
    # A step of a workflow runs in its thread; side by side are child workflows.
    for handle in [DBOS.start_workflow(one, i) for i in range(number)]:
        handle.get_result()


class Dbos(Peer):
    def open(self) -> dict[str, Any]:
        url = f"sqlite:///{self.folder / 'bench.sqlite'}"
        DBOS(config={"name": "bench", "system_database_url": url, "run_admin_server": False, "log_level": "ERROR"})
        DBOS.launch()
        return self._facts()

    def _facts(self) -> dict[str, Any]:
        """Which `synchronous` its own connections use."""
        from dbos._dbos import _get_dbos_instance

        with _get_dbos_instance()._sys_db.engine.connect() as connection:
            asked = {name: connection.execute(sqlalchemy.text(f"PRAGMA {name}")).scalar()
                     for name in ("synchronous", "journal_mode")}  # fmt: skip
        return {"synchronous": {1: "NORMAL", 2: "FULL"}.get(asked["synchronous"], asked["synchronous"]),
                "journal": asked["journal_mode"]}  # fmt: skip

    def close(self) -> None:
        DBOS.destroy()

    def sequence(self, number: int) -> tuple[int, Work]:
        return number, lambda: sequence(number)

    def fan(self, number: int) -> tuple[int, Work]:
        return number, lambda: fan(number)

    def many(self, number: int) -> tuple[int, Work]:
        def work() -> None:
            for handle in [DBOS.start_workflow(sequence, 3) for _ in range(number)]:
                handle.get_result()

        return 3 * number, work

    def begin(self) -> None:
        DBOS.start_workflow(sequence, LONG).get_result()

    def resume(self) -> None:
        """Launching was enough: it puts what was pending back into a queue of its own and takes it from there."""
        for status in DBOS.list_workflows(status=["PENDING", "ENQUEUED"]):
            DBOS.retrieve_workflow(status.workflow_id).get_result()


if __name__ == "__main__":
    serve(Dbos)
