"""Whose turn it is: mutexes, and limits on how many steps are at work at once.

Who is at work is read from the steps themselves (who holds a lease, who has work launched), never from a counter: a
worker that died holds nothing longer than its lease. A step that has to wait is taken out of the ready ones and queued
under a key, so that a million waiting steps cost a claim nothing; whoever stops work lets the next of its keys in.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Iterable
from dataclasses import dataclass

from django.db import connection, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from engine.models import Limit, StepRun
from engine.statuses import LIVE_STEPS, StepState

PAUSED = "paused"  # the queue of steps whose run is paused; continuing lets them out
KNOWN_FOR = 1.0  # seconds for which a process takes the limits as read
ALL_AT_ONCE = 10_000  # how many are let in at once when nothing holds them up any more
QUEUED_AT_ONCE = 100  # how many ready steps are queued at once behind something that is full

# Who takes up room of a limit: a step that a worker has, or that has work launched and looks at it.
WORKING = Q(state=StepState.RUNNING) | Q(
    state=StepState.WAITING, started_at__isnull=False, wake_at__isnull=False, queue=""
)

# Who has a mutex: from the first start to the end, also while it waits for a person. That is what it is for.
HOLDING = Q(state__in=LIVE_STEPS) & (Q(started_at__isnull=False) | Q(state=StepState.RUNNING))


@dataclass(frozen=True)
class Slot:
    """Something that only so many steps may have at once."""

    key: str
    at_most: int
    among: QuerySet[StepRun]  # all that it counts
    holding: Q  # which of them have it

    def free(self, beside: StepRun | None = None) -> int:
        """How many more may have it; a step that asks does not stand in its own way."""
        others = self.among.exclude(pk=beside.pk) if beside else self.among
        return self.at_most - others.filter(self.holding).count()


class _Limits:
    """The limits, at most `KNOWN_FOR` old.

    The process keeps them, not an engine, because every claim and every recorded step reads them and many of those are
    no engine's: an answer on a page records a step too. An old limit lets in a step too many or too few for a second.
    """

    def __init__(self) -> None:
        self.read: list[Limit] = []
        self.until = 0.0

    def __call__(self) -> list[Limit]:
        if time.monotonic() >= self.until:
            self.read = list(Limit.objects.select_related(None))
            self.until = time.monotonic() + KNOWN_FOR
        return self.read

    def forget(self) -> None:
        self.until = 0.0


limits = _Limits()


def slots_of(step: StepRun) -> list[Slot]:
    """What this step needs its turn at; nothing for most."""
    slots = [_limit(limit) for limit in limits() if limit.covers(step)]
    return [*slots, _mutex(step.mutex)] if step.mutex else slots


def mutex_key(team: int, name: str) -> str:
    return f"{team}:{name}" if name else ""


def _limit(limit: Limit) -> Slot:
    return Slot(limit.key, limit.at_most, limit.steps(), WORKING)


def _mutex(name: str) -> Slot:
    return Slot(f"mutex:{name}", 1, StepRun.objects.filter(mutex=name), HOLDING)


def was_admitted(step: StepRun) -> bool:
    """Its lease ran out, or what it launched is looked at: it was let in before."""
    return step.started_at is not None and step.state != StepState.READY


def alone(slots: Iterable[Slot]) -> bool:
    """Whether nobody else counts one of these at this moment; then nobody does until this transaction ends.

    On SQLite writers queue anyway. On PostgreSQL nobody is waited for: whoever claims holds rows, and two who hold what
    the other wants would stop each other.
    """
    if connection.vendor != "postgresql":
        return True
    with connection.cursor() as cursor:
        for slot in slots:
            cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [zlib.crc32(slot.key.encode())])
            if not cursor.fetchone()[0]:
                return False
    return True


def full(step: StepRun, slots: Iterable[Slot]) -> Slot | None:
    """What this step has to wait for, or None. Call in the transaction that claims it, when it counts alone."""
    return next((slot for slot in slots if slot.free(step) <= 0), None)


def enqueue(slot: Slot, step: StepRun) -> None:
    """Take this step, and others that would find the same thing full, out of the ready ones."""
    ready = slot.among.filter(state=StepState.READY, started_at__isnull=True).order_by("pk")
    some = {*_untouched(ready, QUEUED_AT_ONCE), step.pk}
    StepRun.objects.filter(pk__in=some, state__in=(StepState.READY, StepState.WAITING)).update(
        state=StepState.WAITING, queue=slot.key, wake_at=None
    )


def admit(step: StepRun) -> None:
    """This step has stopped work: the first in each queue of its keys is ready."""
    for slot in slots_of(step):
        _admit(slot.key, 1)


def _admit(key: str, count: int) -> int:
    with transaction.atomic(savepoint=False):
        first = _untouched(StepRun.objects.filter(queue=key).order_by("queue", "pk"), count)
        return StepRun.objects.filter(pk__in=first, queue=key).update(state=StepState.READY, queue="")


def _untouched(steps: QuerySet[StepRun], count: int) -> list[int]:
    """The ids of the first; on PostgreSQL past those that somebody else is changing, so that two let in two."""
    if connection.vendor == "postgresql":
        steps = steps.select_for_update(skip_locked=True, no_key=True, of=("self",))
    return [step.pk for step in steps.only("pk")[:count]]


def reconcile() -> int:
    """Make ready the queued steps that were missed: a worker died between, or a limit was raised or lifted."""
    limits.forget()
    known = {limit.key: _limit(limit) for limit in limits()}
    let = 0
    for key in (
        StepRun.objects.exclude(queue="").exclude(queue=PAUSED).order_by().values_list("queue", flat=True).distinct()
    ):
        slot = known.get(key) or (_mutex(key.partition(":")[2]) if key.startswith("mutex:") else None)
        free = slot.free() if slot else ALL_AT_ONCE  # its limit was lifted
        let += _admit(key, free) if free > 0 else 0
    return let


# --- said of a queue -------------------------------------------------------------------------------------------------


def waits_for(step: StepRun) -> str:
    """What a queued step waits for and who holds it, as a sentence; "" where it is not queued.

    A holder of another team is not named: limits of templates and targets are shared, runs are not.
    """
    kind, _, name = step.queue.partition(":")
    if kind == "mutex":
        return f"waits for the mutex {name.partition(':')[2]}{_held_by(holders(step.queue), step.run.team_id)}"
    if kind == "limit":
        limit = Limit.objects.select_related("team", "template", "target").filter(pk=name).first()
        return f"waits: {limit}{_held_by(holders(step.queue), step.run.team_id)}" if limit else "waits for its turn"
    return "waits: the run is paused" if step.queue == PAUSED else ""


def holders(queue: str) -> QuerySet[StepRun]:
    """The steps that have what this queue waits for, the first that started first."""
    kind, _, name = queue.partition(":")
    if kind == "mutex":
        steps = StepRun.objects.filter(HOLDING, mutex=name)
    else:
        limit = Limit.objects.filter(pk=name).first()
        steps = limit.steps().filter(WORKING) if limit else StepRun.objects.none()
    return steps.select_related("run").order_by("started_at", "pk")


def _held_by(steps: QuerySet[StepRun], team: int) -> str:
    first = steps.filter(run__team=team).first()
    if first is None:
        return ""
    since = f" since {timezone.localtime(first.started_at):%H:%M}" if first.started_at else ""
    more = steps.count() - 1
    return f", held by run {first.run_id} ({first.title}){since}" + (f" and {more} more" if more else "")
