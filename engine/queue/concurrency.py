"""Mutexes, and limits on how many steps execute at once.

The holders of a slot are counted from the steps' own rows, never kept in a counter, so a dead worker holds nothing
longer than its lease. A step that has to wait is queued: it is no longer ready, and its row names the slot. A claim
therefore does not read queued steps, however many there are. A step that ends admits the next in each queue of its
slots.
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
from engine.models.heartbeat import EngineHeartbeat
from engine.statuses import LIVE_STEPS, StepState

PAUSED = "paused"  # the queue of steps whose run is paused
KNOWN_FOR = 1.0  # seconds until a process reads the limits again
ALL_AT_ONCE = 10_000  # steps admitted at once when their limit was removed
QUEUED_AT_ONCE = 100  # ready steps queued at once behind a full slot

# A limit counts the steps that a worker executes and those that poll something they started.
WORKING = Q(state=StepState.RUNNING) | Q(
    state=StepState.WAITING, started_at__isnull=False, wake_at__isnull=False, queue=""
)

# A step holds its mutex from its first start to its end, also while it waits for a person.
HOLDING = Q(state__in=LIVE_STEPS) & (Q(started_at__isnull=False) | Q(state=StepState.RUNNING))


@dataclass(frozen=True)
class Slot:
    """Something that only so many steps may have at once."""

    key: str
    at_most: int
    among: QuerySet[StepRun]  # the steps that need it
    holding: Q  # those of them that hold it

    def free(self, beside: StepRun | None = None) -> int:
        """How many more steps may hold it; `beside` itself is not counted."""
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
    """The slots this step needs; most steps need none."""
    slots = [_limit(limit) for limit in limits() if limit.covers(step)]
    return [*slots, _mutex(step.mutex)] if step.mutex else slots


def mutex_key(team: int, name: str) -> str:
    return f"{team}:{name}" if name else ""


def _limit(limit: Limit) -> Slot:
    return Slot(limit.key, limit.at_most, limit.steps(), WORKING)


def _mutex(name: str) -> Slot:
    return Slot(f"mutex:{name}", 1, StepRun.objects.filter(mutex=name), HOLDING)


def was_admitted(step: StepRun) -> bool:
    """Whether it holds its slots already: it was started before, and this claim polls it or takes it over."""
    return step.started_at is not None and step.state != StepState.READY


def alone(slots: Iterable[Slot]) -> bool:
    """Lock these slots for counting until the transaction ends. False when another transaction has one of them.

    On SQLite a writing transaction is alone anyway. On PostgreSQL the lock is tried, not waited for, because a claim
    holds row locks and two that waited for each other would deadlock.
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
    """The first full slot, or None. Call it in the transaction that claims the step, after `alone`."""
    return next((slot for slot in slots if slot.free(step) <= 0), None)


def enqueue(slot: Slot, step: StepRun) -> None:
    """Queue this step, and other ready ones that need the same full slot."""
    ready = slot.among.filter(state=StepState.READY, started_at__isnull=True).order_by("pk")
    some = {*_untouched(ready, QUEUED_AT_ONCE), step.pk}
    StepRun.objects.filter(pk__in=some, state__in=(StepState.READY, StepState.WAITING)).update(
        state=StepState.WAITING, queue=slot.key, wake_at=None
    )


def admit(step: StepRun) -> None:
    """This step holds its slots no longer: make the first step in each of their queues ready."""
    for slot in slots_of(step):
        _admit(slot.key, 1)


def _admit(key: str, count: int) -> int:
    with transaction.atomic(savepoint=False):
        first = _untouched(StepRun.objects.filter(queue=key).order_by("queue", "pk"), count)
        return StepRun.objects.filter(pk__in=first, queue=key).update(state=StepState.READY, queue="")


def _untouched(steps: QuerySet[StepRun], count: int) -> list[int]:
    """The ids of the first. On PostgreSQL locked rows are skipped, so two transactions at once admit two steps."""
    if connection.vendor == "postgresql":
        steps = steps.select_for_update(skip_locked=True, no_key=True, of=("self",))
    return [step.pk for step in steps.only("pk")[:count]]


def reconcile() -> int:
    """Admit queued steps that were missed because a worker died, or because a limit was raised or removed."""
    limits.forget()
    known = {limit.key: _limit(limit) for limit in limits()}
    let = 0
    for key in (
        StepRun.objects.exclude(queue="").exclude(queue=PAUSED).order_by().values_list("queue", flat=True).distinct()
    ):
        slot = known.get(key) or (_mutex(key.partition(":")[2]) if key.startswith("mutex:") else None)
        free = slot.free() if slot else ALL_AT_ONCE  # its limit was removed
        let += _admit(key, free) if free > 0 else 0
    return let


# --- said of a queue -------------------------------------------------------------------------------------------------


def waiting(step: StepRun) -> bool:
    """Whether the engine has to do something before it goes on: let it through a queue, or take it up."""
    return bool(step.queue) or step.state == StepState.READY


def waits_for(step: StepRun) -> str:
    """What a waiting step waits for and who holds it, as a sentence; "" where an engine takes it up at once.

    A holder of another team is not named: limits of templates and targets are shared, runs are not.
    """
    kind, _, name = step.queue.partition(":")
    if kind == "mutex":
        return f"waits for the mutex {name.partition(':')[2]}{_held_by(holders(step.queue), step.run.team_id)}"
    if kind == "limit":
        limit = Limit.objects.select_related("team", "template", "target").filter(pk=name).first()
        return f"waits: {limit}{_held_by(holders(step.queue), step.run.team_id)}" if limit else "waits for its turn"
    if step.queue == PAUSED:
        return "waits: the run is paused"
    looked_for = step.queue or EngineHeartbeat.objects.looking().exists()
    return (
        "" if looked_for else "waits: no engine looks for work; start one with `desirepath up` or `desirepath worker`"
    )


def holders(queue: str) -> QuerySet[StepRun]:
    """The steps that hold what this queue waits for, in the order they started."""
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
