"""Claiming a step: one conditional UPDATE stores its owner and the end of its lease. The database decides who is first.

The owner renews the lease while it executes the step. When the lease ends, any worker may claim the step.
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

LEASE = timedelta(seconds=8)  # renewed every two seconds; a dead machine is noticed when it ends
RECONCILE = 5.0  # seconds between two searches for queued steps that nobody admitted
OVERDUE_FIRST = 0.5  # seconds between two claims that try overdue steps before ready ones
ASK_FOR = 0.05  # seconds a claim goes on when every candidate had to be queued
AGAIN = timedelta(seconds=1)  # until a step whose outcome could not be recorded may be claimed again


def new_owner() -> str:
    """A name for a claiming loop: its machine, its process and a random part."""
    return f"{socket.gethostname()[:40]}:{os.getpid()}:{secrets.token_hex(4)}"


class Claimer:
    """Claims steps for one owner. Remembers when it last tried overdue steps first and when it last reconciled."""

    def __init__(self, owner: str, *, overdue_first: float = OVERDUE_FIRST, reconcile: float = RECONCILE) -> None:
        """Both intervals are in seconds; a new claimer does both at its first claim."""
        self.owner = owner
        self.overdue_first, self.reconcile = overdue_first, reconcile
        self.overdue_at = self.reconciled_at = float("-inf")  # monotonic

    def claim(self, limit: int = 1) -> list[StepRun]:
        """Claim up to `limit` steps: ready ones, waiting ones whose time has come, running ones whose lease has ended.

        Safe with any number of engines. Inside a transaction the claim takes effect when that commits.
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
        """The conditions that make a step claimable, each with its order, in the order they are tried.

        Ready steps come first. Every `overdue_first` seconds they come last, because a backlog of ready steps must not
        hide an ended job or a dead worker. Each condition is ordered by its own index: in another order SQLite scans
        the whole table.
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
    """Claim as a new claimer of this name: for a shell, and for tests."""
    return Claimer(owner).claim(limit)


def _taken(due: Q, order: str, owner: str, count: int) -> list[StepRun]:
    """Claim up to `count` steps that meet this condition. A step that has to be queued is no candidate again.

    It looks twice at least, however long the first look took: the first queues all that need the same slot.
    """
    until, looks = time.monotonic() + ASK_FOR, 0
    while True:
        candidates = _candidates(due, order, count)
        taken = [step for step in candidates if _take(step, owner)]
        looks += 1
        if taken or not candidates or (looks > 1 and time.monotonic() > until):
            return taken


def _at_once() -> AbstractContextManager[object]:
    """One transaction on PostgreSQL, because a candidate's row stays locked until it is claimed and others skip it.

    None on SQLite: reading takes no lock there, and only a claim writes.
    """
    return transaction.atomic(savepoint=False) if connection.vendor == "postgresql" else nullcontext()


def loaded() -> StepRunQuerySet:
    """A step with its run and block; `_candidates` adds the revision."""
    return StepRun.objects.select_related("run", "block")


def _candidates(due: Q, order: str, count: int) -> list[StepRun]:
    """Steps to try. On PostgreSQL the rows that another worker has locked are skipped."""
    due_steps = loaded().filter(due).order_by(order)
    if connection.vendor == "postgresql":
        due_steps = due_steps.select_for_update(skip_locked=True, no_key=True, of=("self",))
    steps = list(due_steps[:count])
    for step in steps:
        step.run.revision = pinned(step.run.revision_id)
    return steps


def _take(step: StepRun, owner: str) -> bool:
    """Claim the step, or queue it behind the first slot that is full. True: claimed, in the row and in `step`."""
    wanted = concurrency.slots_of(step)
    if not wanted or concurrency.was_admitted(step):
        return _hold(step, owner)
    with transaction.atomic(savepoint=False):  # between counting and claiming nobody else may claim
        if not concurrency.alone(wanted):
            return False
        if full := concurrency.full(step, wanted):
            concurrency.enqueue(full, step)
            return False
        return _hold(step, owner)


def _hold(step: StepRun, owner: str) -> bool:
    now, before = timezone.now(), step.state
    step.started_at = step.started_at or now
    # The row has to be as it was read: another owner may have claimed it, or its own may have renewed the lease.
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
        step.say(TAKEN_OVER, "Its worker died; another one took the step over")
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
    """Renew the leases of the steps that this owner is executing, not of those it could not record."""
    if not at_work:
        return
    held = StepRun.objects.filter(pk__in=list(at_work), owner=owner, state=StepState.RUNNING)
    held.update(lease_until=timezone.now() + LEASE)


def let_go(owner: str, pk: int) -> None:
    """Give up the claim: any worker may claim the step after `AGAIN`."""
    StepRun.objects.filter(pk=pk, owner=owner, state=StepState.RUNNING).update(lease_until=timezone.now() + AGAIN)


def cut_long_leases() -> int:
    """Shorten leases that were given before this machine's clock was set back: they end later than any lease can.

    A live owner renews its lease again. Leases of ordinary length stay, because a machine whose clock is merely slow
    would otherwise claim steps that others are executing. Returns how many were shortened.
    """
    now = timezone.now()
    long = StepRun.objects.filter(state=StepState.RUNNING, lease_until__gt=now + 2 * LEASE)
    return long.update(lease_until=now + LEASE)


def clock_was_set_back() -> None:
    """Wake every waiting step, which would otherwise sleep until the clock has caught up.

    A step that asks a person keeps its deadline, which is a time of day. A retry happens early, once; other steps only
    poll.
    """
    cut_long_leases()
    now = timezone.now()
    looks = StepRun.objects.filter(state=StepState.WAITING, wake_at__gt=now, asking__isnull=True)
    looks.update(wake_at=now)


def release_the_dead() -> int:
    """End the leases held by dead processes of this machine. Returns how many steps that were.

    So the next engine on this machine goes on at once with a killed engine's steps, not when their leases end.
    """
    here = socket.gethostname()[:40]
    held = StepRun.objects.filter(state=StepState.RUNNING, owner__startswith=f"{here}:").order_by()
    dead = [owner for owner in held.values_list("owner", flat=True).distinct() if not _alive(owner)]
    return StepRun.objects.filter(owner__in=dead, state=StepState.RUNNING).update(lease_until=timezone.now())


def _alive(owner: str) -> bool:
    """Whether the owner's process lives. A process id that another process has by now counts as alive."""
    pid = owner.split(":")[1]
    return not pid.isdigit() or psutil.pid_exists(int(pid))
