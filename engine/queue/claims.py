"""Taking a step: a conditional update that names who holds it and until when. The database decides who was first.

A lease is prolonged while its step is at work; let go of, or left by an engine that died, anybody may take the step.
"""

from __future__ import annotations

import os
import secrets
import socket
import time
from collections.abc import Collection
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime, timedelta

import psutil
from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone

from engine.models import StepRun, prepared
from engine.models.event import TAKEN_OVER
from engine.models.step import StepRunQuerySet
from engine.models.template import pinned
from engine.queue import concurrency
from engine.statuses import StepState

LEASE = timedelta(seconds=8)  # prolonged four times as often; a dead machine is noticed after it
RECONCILE = 5.0  # seconds between two looks whether somebody in a queue was forgotten
OVERDUE_FIRST = 0.5  # seconds after which what is due is asked for before what is ready, however much of that there is
ASK_FOR = 0.05  # seconds for which it is asked again when all that was found had to wait for its turn
AGAIN = timedelta(seconds=1)  # after which a step that could not be recorded may be taken again


def new_owner() -> str:
    """A name for a claiming loop that says on which machine and in which process it lives."""
    return f"{socket.gethostname()[:40]}:{os.getpid()}:{secrets.token_hex(4)}"


class Claimer:
    """Takes steps for one owner, and remembers when it last asked for what is asked for only now and then."""

    def __init__(self, owner: str, *, overdue_first: float = OVERDUE_FIRST, reconcile: float = RECONCILE) -> None:
        """The two are seconds between one look and the next; a new claimer looks at once."""
        self.owner = owner
        self.overdue_first, self.reconcile = overdue_first, reconcile
        self.overdue_at = self.reconciled_at = float("-inf")  # monotonic

    def claim(self, limit: int = 1) -> list[StepRun]:
        """Up to `limit` steps that this owner now holds: ready, due by the clock, or left by an owner that is gone.

        Safe with any number of engines; inside a transaction the steps are held when it is committed.
        """
        with _at_once():
            taken: list[StepRun] = []
            for due, order in self._questions(timezone.now()):
                taken += _taken(due, order, self.owner, limit - len(taken))
                if len(taken) >= limit:
                    break
        if time.monotonic() - self.reconciled_at > self.reconcile:
            self.reconciled_at = time.monotonic()
            concurrency.reconcile()
        return taken

    def _questions(self, now: datetime) -> list[tuple[Q, str]]:
        """What is due, in the order it is asked for.

        New work comes first. Now and then what waits comes first, because a backlog of ready steps must not hide that a
        job has ended or that a worker has died. Each question has its own index and is asked in that index's order; in
        another, SQLite walks the whole table.
        """
        questions = [
            (Q(state=StepState.READY), "pk"),
            (Q(state=StepState.WAITING, wake_at__lte=now), "wake_at"),
            (Q(state=StepState.RUNNING, lease_until__lt=now), "lease_until"),
        ]
        if time.monotonic() - self.overdue_at < self.overdue_first:
            return questions
        self.overdue_at = time.monotonic()
        return questions[::-1]


def claim(owner: str, limit: int = 1) -> list[StepRun]:
    """What a new claimer of this name takes: for a shell, and for tests."""
    return Claimer(owner).claim(limit)


def _taken(due: Q, order: str, owner: str, count: int) -> list[StepRun]:
    """So many that are due in this sense; whoever has to wait for a turn is out of the way when it is asked again."""
    until = time.monotonic() + ASK_FOR
    while True:
        candidates = _candidates(due, order, count)
        taken = [step for step in candidates if _take(step, owner)]
        if taken or not candidates or time.monotonic() > until:
            return taken


def _at_once() -> AbstractContextManager[object]:
    """On PostgreSQL a candidate is locked, so that others pass it over, until it is taken: one transaction.

    On SQLite looking takes no lock, and only who finds something writes.
    """
    return transaction.atomic(savepoint=False) if connection.vendor == "postgresql" else nullcontext()


def loaded() -> StepRunQuerySet:
    """A step with its run and block; `_candidates` adds the revision."""
    return StepRun.objects.select_related("run", "block")


def _candidates(due: Q, order: str, count: int) -> list[StepRun]:
    """Steps to try. On PostgreSQL those that another worker is taking at this moment are passed over."""
    due_steps = loaded().filter(due).order_by(order)
    if connection.vendor == "postgresql":
        due_steps = due_steps.select_for_update(skip_locked=True, no_key=True, of=("self",))
    steps = list(due_steps[:count])
    for step in steps:
        step.run.revision = pinned(step.run.revision_id)
    return steps


def _take(step: StepRun, owner: str) -> bool:
    """Whether this owner has the step now; then its row says so, and so does `step`."""
    wanted = concurrency.slots_of(step)
    if not wanted or concurrency.was_admitted(step):
        return _hold(step, owner)
    with transaction.atomic(savepoint=False):  # counting who is at work and taking the step are one thing
        if not concurrency.alone(wanted):
            return False
        if full := concurrency.full(step, wanted):
            concurrency.enqueue(full, step)
            return False
        return _hold(step, owner)


def _hold(step: StepRun, owner: str) -> bool:
    now, before = timezone.now(), step.state
    step.started_at = step.started_at or now
    # As it was seen: whoever takes it in between counts on, and its worker may live after all and have prolonged it.
    held = {"id": step.pk, "state": before, "claim": step.claim}
    timed = {StepState.WAITING: "wake_at", StepState.RUNNING: "lease_until"}.get(StepState(before))
    held |= {timed: getattr(step, timed)} if timed else {}
    changes = {
        "state": StepState.RUNNING, "owner": owner, "lease_until": now + LEASE, "wake_at": None,
        "claim": step.claim + 1, "started_at": step.started_at,
    }  # fmt: skip
    if prepared.update(StepRun, held, changes) != 1:
        return False
    for name, value in changes.items():
        setattr(step, name, value)
    if before == StepState.RUNNING:
        step.say(TAKEN_OVER, "Its worker was gone; this one took it over")
    return True


def next_wake() -> float | None:
    """Seconds until a waiting step's time comes, or None."""
    wake_at = (
        StepRun.objects.filter(state=StepState.WAITING, wake_at__isnull=False)
        .order_by("wake_at").values_list("wake_at", flat=True).first()
    )  # fmt: skip
    return None if wake_at is None else max(0.0, (wake_at - timezone.now()).total_seconds())


# --- leases ----------------------------------------------------------------------------------------------------------


def renew(owner: str, at_work: Collection[int]) -> None:
    """Prolong the leases of the steps this owner has at work, not of those it could not record."""
    if not at_work:
        return
    held = StepRun.objects.filter(pk__in=list(at_work), owner=owner, state=StepState.RUNNING)
    held.update(lease_until=timezone.now() + LEASE)


def let_go(owner: str, pk: int) -> None:
    """This owner does not go on with that step: in a moment anybody may take it."""
    StepRun.objects.filter(pk=pk, owner=owner, state=StepState.RUNNING).update(lease_until=timezone.now() + AGAIN)


def cut_long_leases() -> int:
    """A lease that ends later than any can was given before this machine's clock was set back; whoever lives prolongs
    it again. Only then: a machine whose clock is merely slow would take from the others what they are at."""
    now = timezone.now()
    long = StepRun.objects.filter(state=StepState.RUNNING, lease_until__gt=now + 2 * LEASE)
    return long.update(lease_until=now + LEASE)


def clock_was_set_back() -> None:
    """What was to be looked at again in a moment would else be looked at when the clock has caught up.

    A person's time to answer is a time of day and stays. A retry comes early, once; everything else only looks.
    """
    cut_long_leases()
    now = timezone.now()
    looks = StepRun.objects.filter(state=StepState.WAITING, wake_at__gt=now, asking__isnull=True)
    looks.update(wake_at=now)


def release_the_dead() -> int:
    """Let go of what processes of this machine held that are no more; others' leases run out. Returns how many steps.

    A killed engine's steps go on as soon as the next one starts, rather than when its lease ends.
    """
    here = socket.gethostname()[:40]
    held = StepRun.objects.filter(state=StepState.RUNNING, owner__startswith=f"{here}:").order_by()
    dead = [owner for owner in held.values_list("owner", flat=True).distinct() if not _alive(owner)]
    return StepRun.objects.filter(owner__in=dead, state=StepState.RUNNING).update(lease_until=timezone.now())


def _alive(owner: str) -> bool:
    """Whether the process that owner names still lives; a number given to another process counts as alive."""
    pid = owner.split(":")[1]
    return not pid.isdigit() or psutil.pid_exists(int(pid))
