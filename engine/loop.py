"""The loop of every engine: a few threads that claim and execute, a ringer that wakes them, a heartbeat, a judge, and
one that looks after the targets. Embedded it is one process; scaled out, one on each of several machines.

The database decides what is due; the ringer only saves looking too often. On SQLite `PRAGMA data_version` says, almost
for free, that somebody else has written; on PostgreSQL the loop looks once a second and a broker may wake it sooner.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from django.conf import settings
from django.db import Error, close_old_connections, connection, connections

from engine import bell, done, worker
from engine.models import Target
from engine.models.target import connect

LOOK = 0.05  # seconds between two glances at the database
POLL = 1.0  # seconds after which somebody looks, rung or not: leases run out without anybody writing
JUDGE = 0.5  # seconds between two looks whether a criterion is due
TEND = 1.0  # seconds between two looks after what the targets should have running
STOP_WITHIN = 5.0  # seconds that steps at work have to finish when the engine is told to stop

log = logging.getLogger("desirepath.engine")


class Engine:
    """Runs until `stop()`, which gives steps at work `stop_within` seconds; what does not finish is taken over later.

    Any number may run on one database: a step is claimed, a judgement is taken, and a target tends its own machine.
    """

    def __init__(self, threads: int = 4, *, stop_within: float = STOP_WITHIN, poll: float = POLL) -> None:
        self.owner = worker.new_owner()
        self.stop_within, self.poll = stop_within, poll
        self.stopping = threading.Event()
        self.bell = threading.Condition()
        self.rung = 0  # how often: a ring between a look and the wait that follows is not missed
        self.threads = [self._thread(self._work, f"step-{i}") for i in range(threads)]
        self.threads += [self._thread(self._judge, "judge"), self._thread(self._tend, "tend")]
        if settings.BROKER_URL:
            self.threads.append(self._thread(lambda: bell.listen(self.ring, self.stopping), "listen"))

    @staticmethod
    def _thread(body: Callable[[], None], name: str) -> threading.Thread:
        return threading.Thread(target=body, name=name, daemon=True)

    def run(self) -> None:
        """Block until `stop()` was called and what was at work has ended or had its time."""
        self._begin()
        with worker.heartbeat(self.owner):
            for thread in self.threads:
                thread.start()
            self._ring_until_stopped()
            deadline = time.monotonic() + self.stop_within
            for thread in self.threads:
                thread.join(timeout=max(0.0, deadline - time.monotonic()))
        connection.close()

    def _begin(self) -> None:
        """A worker may start before its database does."""
        while not self.stopping.is_set():
            try:
                worker.release_the_dead()
                return
            except Error as error:
                _away(error)
                self.stopping.wait(self.poll)

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
        while not self.stopping.wait(self._pause(wake_at)):
            now = time.monotonic()
            try:
                version = _data_version()
                if version != seen or now >= wake_at or now - looked > self.poll:
                    seen, looked = version, now
                    next_wake = worker.next_wake()
                    wake_at = now + next_wake if next_wake is not None else float("inf")
                    self.ring()
            except Error as error:
                _away(error)

    def _pause(self, wake_at: float) -> float:
        """Seconds until the next glance: short where glancing is almost free, else until something is due."""
        if connection.vendor == "sqlite":
            return LOOK
        return min(self.poll, max(LOOK, wake_at - time.monotonic()))

    def _work(self) -> None:
        while not self.stopping.is_set():
            heard = self.rung
            try:
                if self._step():
                    continue
            except Error as error:
                _away(error)
            except Exception:
                log.exception("a step could not be claimed or recorded; its lease will run out")
            with self.bell:
                self.bell.wait_for(lambda: self.rung != heard or self.stopping.is_set(), timeout=10 * self.poll)  # noqa: B023
        connections.close_all()

    def _step(self) -> bool:
        """Claim a step and execute it; False when nothing is due."""
        steps = worker.claim(self.owner)
        if not steps:
            return False
        self.ring()
        worker.execute(steps[0])
        return True

    def _judge(self) -> None:
        self._again_and_again(JUDGE, _judge_all, "a done criterion could not be looked at")

    def _tend(self) -> None:
        self._again_and_again(TEND, _tend_all, "a target could not be looked after")

    def _again_and_again(self, pause: float, body: Callable[[], None], trouble: str) -> None:
        while not self.stopping.wait(pause):
            try:
                body()
            except Error as error:
                _away(error)
            except Exception:
                log.exception(trouble)
        connections.close_all()


def _judge_all() -> None:
    for deployment in done.due():
        if done.take(deployment):
            done.judge(deployment)


def _tend_all() -> None:
    """Each engine of several does this: a target looks after what its own machine has, and its lock orders them."""
    for kind in Target.objects.order_by().values_list("kind", flat=True).distinct():
        connect(kind).tend()


def _away(error: Error) -> None:
    log.warning("the database does not answer: %s", error)
    close_old_connections()


def _data_version() -> int:
    """A number that changes when another connection writes; only SQLite has one."""
    if connection.vendor != "sqlite":
        return 0
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA data_version")
        return int(cursor.fetchone()[0])
