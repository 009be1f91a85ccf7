"""The embedded engine: a few threads that claim and execute, a ringer that wakes them, a heartbeat, a judge, and
one that looks after the targets.

The database decides what is due; the ringer only saves looking too often. On SQLite `PRAGMA data_version` says, almost
for free, that somebody else has written.
"""

from __future__ import annotations

import logging
import threading
import time

from django.db import OperationalError, close_old_connections, connection, connections

from engine import done, worker
from engine.models import Target
from engine.models.target import connect

LOOK = 0.05  # seconds between two glances at the database
POLL = 1.0  # seconds after which somebody looks, rung or not: leases run out without anybody writing
JUDGE = 0.5  # seconds between two looks whether a criterion is due
TEND = 1.0  # seconds between two looks after what the targets should have running

log = logging.getLogger("desirepath.engine")


class Engine:
    """Runs until `stop()`. Stopping waits for steps at work for a moment; what does not finish is taken over later."""

    def __init__(self, threads: int = 4) -> None:
        self.owner = worker.new_owner()
        self.stopping = threading.Event()
        self.bell = threading.Condition()
        self.rung = 0  # how often: a ring between a look and the wait that follows is not missed
        self.threads = [threading.Thread(target=self._work, name=f"step-{i}", daemon=True) for i in range(threads)]
        self.threads.append(threading.Thread(target=self._judge, name="judge", daemon=True))
        self.threads.append(threading.Thread(target=self._tend, name="tend", daemon=True))

    def run(self) -> None:
        worker.release_the_dead()
        with worker.heartbeat(self.owner):
            for thread in self.threads:
                thread.start()
            self._ring_until_stopped()
            for thread in self.threads:
                thread.join(timeout=5)
        connection.close()

    def stop(self) -> None:
        self.stopping.set()
        with self.bell:
            self.bell.notify_all()

    def ring(self) -> None:
        """Wake one thread; it wakes the next when it finds work. So an idle engine asks once, not once a thread."""
        with self.bell:
            self.rung += 1
            self.bell.notify()

    def _ring_until_stopped(self) -> None:
        seen, wake_at, looked = -1, 0.0, 0.0
        while not self.stopping.wait(LOOK):
            now = time.monotonic()
            try:
                version = _data_version()
                if version != seen or now >= wake_at or now - looked > POLL:
                    seen, looked = version, now
                    next_wake = worker.next_wake()
                    wake_at = now + next_wake if next_wake is not None else float("inf")
                    self.ring()
            except OperationalError as error:
                log.warning("the database does not answer: %s", error)
                close_old_connections()

    def _work(self) -> None:
        while not self.stopping.is_set():
            heard = self.rung
            try:
                steps = worker.claim(self.owner)
                if steps:
                    self.ring()
                    worker.work(steps[0])
                    continue
            except OperationalError as error:
                log.warning("the database does not answer: %s", error)
                close_old_connections()
            with self.bell:
                self.bell.wait_for(lambda: self.rung != heard or self.stopping.is_set(), timeout=10 * POLL)  # noqa: B023
        connections.close_all()

    def _judge(self) -> None:
        while not self.stopping.wait(JUDGE):
            try:
                for deployment in done.due():
                    done.judge(deployment)
            except OperationalError as error:
                log.warning("the database does not answer: %s", error)
                close_old_connections()
            except Exception:
                log.exception("a done criterion could not be looked at")
        connections.close_all()

    def _tend(self) -> None:
        while not self.stopping.wait(TEND):
            try:
                for kind in Target.objects.order_by().values_list("kind", flat=True).distinct():
                    connect(kind).tend()
            except OperationalError as error:
                log.warning("the database does not answer: %s", error)
                close_old_connections()
            except Exception:
                log.exception("a target could not be looked after")
        connections.close_all()


def _data_version() -> int:
    """A number that changes when another connection writes; only SQLite has one."""
    if connection.vendor != "sqlite":
        return 0
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA data_version")
        return int(cursor.fetchone()[0])
