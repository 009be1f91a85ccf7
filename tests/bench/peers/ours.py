"""Desirepath. All that the bench knows of our engine is here: `advance.start`, `worker.drain` and `loop.Engine`.

BENCH_VARIANT is SQLite's `synchronous`, FULL or NORMAL, or POSTGRES: then BENCH_POSTGRES names a server, on which each
folder gets a database of its own, and BENCH_WORKERS and BENCH_THREADS how many engine processes of how many threads.
"""

from __future__ import annotations

import contextlib
import copy
import os
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tests.bench.peers.contract import LONG, Peer, Work, body, serve

if TYPE_CHECKING:
    from engine.definition.flow import Node, Parallel, Sequence

NOTED = "test.noted"
CHUNK = 2000  # finished runs made at once


def set_up() -> None:
    """Django, the probe of the tests, and a probe that also notes that it ran."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.bench.peers.our_settings"
    import django

    django.setup()
    from engine.steps import registry
    from tests.engine import kinds

    class Noted(kinds.Probe):
        name = NOTED

        def run(self, step: Any) -> Any:
            body(int(step.leaf.id[1:]))
            return super().run(step)

    kinds.install()
    registry()[NOTED] = Noted()


def sequence(number: int, uses: str = "test.probe") -> Sequence:
    from engine.definition.flow import Leaf, Sequence

    return Sequence(tuple(Leaf(f"s{i}", uses=uses) for i in range(number)))


def nested(number: int) -> Parallel:
    """So many branches, each of them a step and then two side by side."""
    from engine.definition.flow import Leaf, Parallel, Sequence

    def branch(i: int) -> Sequence:
        first, left, right = (Leaf(f"{name}{i}", uses="test.probe") for name in "abc")
        return Sequence((first, Parallel((left, right))))

    return Parallel(tuple(branch(i) for i in range(number)))


def _name(folder: Path) -> str:
    return folder.name.replace("-", "_").lower()


def database(folder: Path) -> str:
    """The address of this folder's database, made if need be."""
    import psycopg

    address = os.environ["BENCH_POSTGRES"]
    with psycopg.connect(address, autocommit=True) as server, contextlib.suppress(psycopg.errors.DuplicateDatabase):
        server.execute(f'CREATE DATABASE "{_name(folder)}"')
    return urlsplit(address)._replace(path=f"/{_name(folder)}").geturl()


def drop_databases(above: Path) -> None:
    """Those of all folders in this one."""
    if address := os.environ.get("DESIREPATH_TEST_POSTGRES"):
        import psycopg

        with psycopg.connect(address, autocommit=True) as server:
            for folder in above.glob("ours-*"):
                server.execute(f'DROP DATABASE IF EXISTS "{_name(folder)}" WITH (FORCE)')


class Ours(Peer):
    def open(self) -> dict[str, Any]:
        os.environ["DESIREPATH_HOME"] = str(self.folder)
        if self.variant == "POSTGRES":
            os.environ["DATABASE_URL"] = database(self.folder)
        set_up()
        from django.core.management import call_command

        call_command("migrate", verbosity=0)
        return {}

    def _start(self, root: Node, times: int = 1) -> Work:
        """A function that starts so many runs of this flow."""
        from engine.definition.flow import Sequence
        from engine.models import Run, Target, Template
        from engine.runs import transitions
        from engine.steps import catalogue
        from people.models import Team

        team, _ = Team.objects.get_or_create(name="Bench", slug="bench")
        target, _ = Target.objects.get_or_create(team=team, name="dummy", kind="dummy")
        whole = root if isinstance(root, Sequence) else Sequence((root,))
        revision = Template.objects.keep(catalogue.compose("bench", "", "bench", {}, whole), None)
        assert revision.parsed

        def work() -> None:
            for _ in range(times):
                transitions.start(Run(revision=revision, team=team, target=target))

        return work

    def _drained(self, root: Node, times: int = 1) -> Work:
        start = self._start(root, times)

        def work() -> None:
            from engine.workers import executor

            start()
            while executor.drain():
                pass
            settled()

        return work

    def sequence(self, number: int) -> tuple[int, Work]:
        return number, self._drained(sequence(number))

    def fan(self, number: int) -> tuple[int, Work]:
        from engine.definition.flow import Leaf, Parallel

        return number, self._drained(Parallel(tuple(Leaf(f"s{i}", uses="test.probe") for i in range(number))))

    def nested(self, number: int) -> tuple[int, Work]:
        return 3 * number, self._drained(nested(number))

    # --- many runs at once ---

    def many_drain(self, number: int) -> tuple[int, Work]:
        """One thread that executes whatever is due."""
        return 3 * number, self._drained(sequence(3), number)

    def many_1(self, number: int) -> tuple[int, Work]:
        return self._many(number, 1)

    def many_4(self, number: int) -> tuple[int, Work]:
        """The embedded default's threads."""
        return self._many(number, 4)

    def _many(self, number: int, threads: int) -> tuple[int, Work]:
        start = self._start(sequence(3), number)

        def work() -> None:
            with engine(threads):
                start()
                until_settled()

        return 3 * number, work

    def many_processes(self, number: int) -> tuple[int, Work]:
        """Engine processes that stand already; each has BENCH_THREADS threads."""
        start = self._start(sequence(3), number)
        if not self.engines:
            count = int(os.environ.get("BENCH_WORKERS", "2"))
            command = [sys.executable, "-m", "tests.bench.peers.ours", "engine", str(self.folder)]
            self.engines = [subprocess.Popen(command) for _ in range(count)]
            self._start(sequence(3), 4 * count)()
            until_settled()

        def work() -> None:
            start()
            until_settled()

        return 3 * number, work

    engines: list[subprocess.Popen[bytes]] = []

    def close(self) -> None:
        for process in self.engines:
            process.terminate()
            process.wait(20)

    # --- killed, and idle ---

    def begin(self) -> None:
        self._start(sequence(LONG, NOTED))()
        run_engine()

    def resume(self) -> None:
        run_engine()

    def idle(self) -> list[int]:
        """Web and engine, and whatever they start, as `manage.py up` starts them."""
        from tests.homes import Home

        self.home = Home()
        self.home.up()
        self.close = self.home.end  # type: ignore[method-assign]
        return [process.pid for process in self.home.processes()]

    # --- a database with a past ---

    def history(self, number: int) -> tuple[int, Work]:
        """Copy a finished three-step run, with all its rows, until there are so many."""
        self._drained(sequence(3))()
        return 0, lambda: fill(number)


def fill(number: int) -> None:
    from django.db import transaction

    from engine.models import Block, Event, Run, StepRun

    original = Run.objects.get(pk=max(Run.objects.values_list("pk", flat=True)))
    models: list[Any] = [Run, Block, StepRun, Event]
    rows = [Run.objects.filter(pk=original.pk), *(model.objects.filter(run=original) for model in models[1:])]
    stride = 1000  # each copy's keys are the original's and so much more
    for first in range(1, number + 1, CHUNK):
        with transaction.atomic():
            for model, found in zip(models, rows, strict=True):
                copies = [shifted(row, stride * i, models) for i in range(first, min(first + CHUNK, number + 1))
                          for row in list(found)]  # fmt: skip
                model.objects.bulk_create(copies, batch_size=500)


def shifted(row: Any, by: int, models: list[Any]) -> Any:
    """The same row under another key, pointing at the copies of what it points at."""
    new = copy.copy(row)
    new._state = copy.copy(row._state)
    new.pk = row.pk + by
    for field in row._meta.concrete_fields:
        if field.related_model in models and getattr(row, field.attname):
            setattr(new, field.attname, getattr(row, field.attname) + by)
    if hasattr(new, "key"):
        new.key = uuid.uuid4()
    return new


@contextlib.contextmanager
def engine(threads: int) -> Iterator[None]:
    from engine.workers.process import Engine

    made = Engine(threads=threads)
    thread = threading.Thread(target=made.run)
    thread.start()
    try:
        yield
    finally:
        made.stop()
        thread.join()


def run_engine() -> None:
    """This process is an engine until it is told to end."""
    import signal

    from engine.workers.process import Engine

    made = Engine(threads=int(os.environ.get("BENCH_THREADS", "4")))
    signal.signal(signal.SIGTERM, lambda *_: made.stop())
    made.run()


def settled() -> None:
    from engine.models import Run

    if Run.objects.active().exists():
        raise SystemExit("a run did not end")


def until_settled() -> None:
    """Look every few milliseconds; nothing in the engine's stable door tells when a run of another process ends."""
    from engine.models import Run

    look = threading.Event()
    while Run.objects.active().exists():
        look.wait(0.01)


if __name__ == "__main__":
    if sys.argv[1] == "engine":
        os.environ["DESIREPATH_HOME"] = str(Path(sys.argv[2]))
        set_up()
        run_engine()
    else:
        serve(Ours)
