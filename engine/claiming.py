"""Taking a step: a conditional update that names who holds it and until when. The database decides who was first."""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone

from engine import hot, turns
from engine.models import StepRun
from engine.models.event import TAKEN_OVER
from engine.models.step import StepRunQuerySet
from engine.models.template import pinned
from engine.statuses import StepState

LEASE = timedelta(seconds=10)
RECONCILE = 5.0  # seconds between two looks whether somebody in a queue was forgotten
_reconciled = float("-inf")  # monotonic


def claim(owner: str, limit: int = 1) -> list[StepRun]:
    """Up to `limit` steps that this owner now holds: ready ones, those whose time has come, those whose lease ran out.

    Safe with any number of engines; inside a transaction the steps are held when it is committed.
    """
    with _at_once():
        taken: list[StepRun] = []
        for due, order in _questions(timezone.now()):
            taken += [step for step in _candidates(due, order, limit - len(taken)) if _take(step, owner)]
            if len(taken) >= limit:
                return taken
    if not taken:
        _let_in_the_forgotten()
    return taken


def _at_once() -> AbstractContextManager[object]:
    """On PostgreSQL a candidate is locked, so that others pass it over, until it is taken: one transaction.

    On SQLite looking takes no lock, and only who finds something writes.
    """
    return transaction.atomic(savepoint=False) if connection.vendor == "postgresql" else nullcontext()


def _questions(now: datetime) -> Iterable[tuple[Q, str]]:
    """Each has its own index and is asked in that index's order; in another, SQLite walks the whole table."""
    yield Q(state=StepState.READY), "pk"
    yield Q(state=StepState.WAITING, wake_at__lte=now), "wake_at"
    yield Q(state=StepState.RUNNING, lease_until__lt=now), "lease_until"


def loaded() -> StepRunQuerySet:
    """A step with its run and block; `_candidates` adds the revision."""
    return StepRun.objects.select_related("run", "block")


def _candidates(due: Q, order: str, count: int) -> list[StepRun]:
    """Steps to try. On PostgreSQL those that another worker is taking at this moment are passed over."""
    found = loaded().filter(due).order_by(order)
    if connection.vendor == "postgresql":
        found = found.select_for_update(skip_locked=True, of=("self",))
    steps = list(found[:count])
    for step in steps:
        step.run.revision = pinned(step.run.revision_id)
    return steps


def _take(step: StepRun, owner: str) -> bool:
    """Whether this owner has the step now; then its row says so, and so does `step`."""
    if step.mutex or turns.limits():
        with transaction.atomic(savepoint=False):  # counting who is at work and taking the step are one thing
            if full := turns.admit(step, turns.turns_of(step)):
                turns.queue_up(full, step)
                return False
            return _hold(step, owner)
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
    if hot.update(StepRun, held, changes) != 1:
        return False
    for name, value in changes.items():
        setattr(step, name, value)
    if before == StepState.RUNNING:
        step.say(TAKEN_OVER, "Its worker was gone; this one took it over")
    return True


def _let_in_the_forgotten() -> None:
    global _reconciled
    if time.monotonic() - _reconciled > RECONCILE:
        _reconciled = time.monotonic()
        turns.reconcile()
