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
from datetime import datetime

from django.conf import settings
from django.db import Error, close_old_connections, connection, connections
from django.utils import timezone

from engine import doorbell
from engine.actions import judge
from engine.models import EngineHeartbeat, Target
from engine.models.target import connect
from engine.queue import claims
from engine.telemetry import spans
from engine.workers import executor, scheduler

LOOK = 0.05  # seconds between two reads of the database's version while it changes
IDLE_LOOK = 0.1  # seconds between two reads when it has not changed for `MOMENT`
MOMENT = 2.0  # seconds
POLL = 1.0  # seconds between two claims without a ring, because leases end without anybody writing
PRESENCE = 5.0  # seconds between two heartbeats of this engine
JUDGE = 0.5  # seconds between two searches for due deployments while the database changes
IDLE_JUDGE = 5.0  # seconds between two searches while it does not: deployments also become due by time
CLOCK = 1.0  # seconds between two searches for due schedules
SPANS = 2.0  # seconds between two searches for ended runs whose spans are to be sent
TEND = 1.0  # seconds between two calls of each target's `tend`
SET_BACK = 2.0  # seconds a clock may go back before it counts as set back
STOP_WITHIN = 5.0  # seconds that steps at work have to finish after the engine receives SIGTERM

log = logging.getLogger("desirepath.engine")


class Clock:
    """This machine's clock, watched."""

    def __init__(self) -> None:
        self.ahead = time.time() - time.monotonic()

    def was_set_back(self) -> bool:
        """Whether it was set back by more than `SET_BACK` since the last call."""
        before, self.ahead = self.ahead, time.time() - time.monotonic()
        return self.ahead < before - SET_BACK


class Engine:
    """Runs until `stop()`, which gives steps at work `stop_within` seconds; what does not finish is taken over later.

    Any number may run on one database: a step is claimed, a judgement is taken, and a target tends its own machine.
    """

    def __init__(self, threads: int = 4, *, stop_within: float = STOP_WITHIN, poll: float = POLL) -> None:
        self.owner = claims.new_owner()
        self.claimer = claims.Claimer(self.owner)
        self.stop_within, self.poll = stop_within, poll
        self.stopping = threading.Event()
        self.at_work: set[int] = set()  # the steps that its threads are executing
        self.clock = Clock()
        self.bell = threading.Condition()
        self.looked: tuple[datetime | None, bool] = (None, False)  # the last claim: its time, and whether it got a step
        self.noted = float("-inf")  # monotonic: the last heartbeat
        self.changed_at = 0.0  # monotonic: the last change of the database that was noticed
        self.judged_at = 0.0  # monotonic: the last search for due deployments
        self.scheduled_at = 0.0  # monotonic: the last search for due schedules
        self.schedule_at = 0.0  # monotonic: when the next schedule is due
        self.rung = 0  # rings so far, so that a ring between a claim and the wait after it is not missed
        self.threads = [self._thread(self._work, f"step-{i}") for i in range(threads)]
        for name, body in (("judge", self._judge), ("tend", self._tend), ("clock", self._start_scheduled)):
            self.threads.append(self._thread(body, name))
        if settings.BROKER_URL:
            self.threads.append(self._thread(lambda: doorbell.listen(self.ring, self.stopping), "listen"))
        if spans.wanted():
            self.threads.append(self._thread(self._send_spans, "spans"))

    @staticmethod
    def _thread(body: Callable[[], None], name: str) -> threading.Thread:
        return threading.Thread(target=body, name=name, daemon=True)

    def run(self) -> None:
        """Block until `stop()` is called and its steps have ended, or `stop_within` seconds have passed."""
        self._begin()
        with executor.heartbeat(self.owner, self.at_work):
            for thread in self.threads:
                thread.start()
            self._ring_until_stopped()
            deadline = time.monotonic() + self.stop_within
            for thread in self.threads:
                thread.join(timeout=max(0.0, deadline - time.monotonic()))
            self._leave()
        connection.close()

    def _leave(self) -> None:
        try:
            EngineHeartbeat.objects.leave(self.owner)
        except Error as error:  # then the next engine that ends removes this heartbeat
            _away(error)

    def _begin(self) -> None:
        """Take over from dead processes of this machine. Waits for the database, which may start later."""
        while not self.stopping.is_set():
            try:
                claims.release_the_dead()
                if EngineHeartbeat.objects.from_the_future(self.owner):
                    claims.clock_was_set_back()
                return
            except Error as error:
                _away(error)
                self.stopping.wait(self.poll)

    def stop(self) -> None:
        self.stopping.set()
        with self.bell:
            self.bell.notify_all()

    def ring(self) -> None:
        """Wake one thread. When it claims a step it wakes the next, so an idle engine claims only once."""
        with self.bell:
            self.rung += 1
            self.bell.notify()

    def _ring_until_stopped(self) -> None:
        last_version, wake_at, looked = -1, 0.0, 0.0
        while not self.stopping.wait(self._pause(wake_at)):
            now = time.monotonic()
            try:
                if self.clock.was_set_back():
                    log.warning("the clock was set back; waiting steps are polled now")
                    claims.clock_was_set_back()
                version = _data_version()
                if version != last_version or version == 0:
                    self.changed_at = now
                if version != last_version or now >= wake_at or now - looked > self.poll:
                    last_version, looked = version, now
                    next_wake = claims.next_wake()
                    wake_at = now + next_wake if next_wake is not None else float("inf")
                    self.ring()
                self._note(now)
            except Error as error:
                _away(error)

    def _note(self, now: float) -> None:
        """Write the heartbeat: after the first claim, then every `PRESENCE` seconds.

        The ringer writes it, because SQLite's data_version does not count writes of the ringer's own connection.
        """
        if self.looked[0] and now - self.noted > PRESENCE:
            EngineHeartbeat.objects.note(self.owner, self.looked[0], found=self.looked[1])
            self.noted = now

    def _pause(self, wake_at: float) -> float:
        """Seconds until the next look: short on SQLite, where it is cheap; else until a step is due, at most `poll`."""
        if connection.vendor == "sqlite":
            return LOOK if time.monotonic() - self.changed_at < MOMENT else IDLE_LOOK
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
        steps = self.claimer.claim()
        self.looked = (timezone.now(), bool(steps))
        if not steps:
            return False
        self.ring()
        executor.work(steps[0], self.at_work, self.claimer)
        return True

    def _judge(self) -> None:
        self._again_and_again(JUDGE, self._judge_when_due, "a criterion could not be judged")

    def _judge_when_due(self) -> None:
        now = time.monotonic()
        if self.changed_at >= self.judged_at or now - self.judged_at > IDLE_JUDGE:
            self.judged_at = now  # before looking: what is written meanwhile is looked at next time
            judge.judge_due()

    def _tend(self) -> None:
        self._again_and_again(TEND, _tend_all, "a target could not be looked after")

    def _start_scheduled(self) -> None:
        self._again_and_again(CLOCK, self._start_when_due, "a scheduled run could not be started")

    def _start_when_due(self) -> None:
        now = time.monotonic()
        if self.changed_at >= self.scheduled_at or now >= self.schedule_at or now - self.scheduled_at > IDLE_JUDGE:
            self.scheduled_at = now  # before looking: what is written meanwhile is looked at next time
            scheduler.start_due()
            wait = scheduler.next_start()
            self.schedule_at = float("inf") if wait is None else time.monotonic() + wait

    def _send_spans(self) -> None:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # only where it is wanted

        exporter = OTLPSpanExporter()
        self._again_and_again(SPANS, lambda: spans.send_new(exporter), "the spans of a run could not be sent")

    def _again_and_again(self, pause: float, body: Callable[[], object], trouble: str) -> None:
        while not self.stopping.wait(pause):
            try:
                body()
            except Error as error:
                _away(error)
            except Exception:
                log.exception(trouble)
        connections.close_all()


def _tend_all() -> None:
    """Every engine does this: a target tends its own machine, and its lock lets one process do so at a time."""
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
