"""The transactions that change a run: store a step's outcome and open what follows; start, pause, cancel, resume.

A step's outcome updates its blocks from the inside out. Each block stores how many children are open, so the cost does
not grow with the run. A write whose claim is lost changes nothing, so a call may be repeated. The worker that ends a
step may claim the next one in the same commit: a sequence costs one commit a step.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from engine.models import Run, StepRun, prepared
from engine.models.changing import ChangeKind
from engine.outcomes import Outcome, Poll, Queued, in_words
from engine.queue import concurrency
from engine.queue.claims import Claimer
from engine.runs import successors
from engine.runs.opening import ring
from engine.runs.progress import RunProgress
from engine.runs.rebuild import ORDINARY
from engine.runs.recording import changes_of
from engine.statuses import ENDING_RUNS, LIVE_STEPS, RunState, StepState

if TYPE_CHECKING:
    from engine.models import Deployment
    from people.models import User


class NotPossible(ValueError):
    """The run is in no state for this; the message says what to do."""


def start(run: Run) -> Run:
    """Store a new run and open its flow. Raises NotPossible while another run is changing the same deployment."""
    with transaction.atomic():
        if run.deployment:
            refuse_second(run.deployment)
            run.traffic_before = {k: v for k, v in run.deployment.traffic().items() if v}
        run.save()
        run.say("run.started", f"{run.started_by or 'Somebody'} started {run.revision}", actor=run.started_by)
        walk = RunProgress(run)
        if not walk.open(successors.opening(run.flow, (), (), None)):
            walk.succeed()
    return run


def refuse_second(deployment: Deployment, *, removed: bool = False) -> None:
    """Raise NotPossible while a run or somebody is changing this deployment, or (unless `removed`) when it is removed.

    Call it in the transaction that begins to change it.
    """
    # Every start and resume on this deployment waits for this lock, so two never both find it free.
    locked = type(deployment).objects.select_for_update(no_key=True).get(pk=deployment.pk)
    if other := deployment.runs.active().first():
        raise NotPossible(f"run {other.pk} is changing {deployment.name} already; wait for it, or cancel it")
    if locked.change_state.is_held(timezone.now()):
        raise Busy(f"somebody is changing {deployment.name} at this moment; try again when that is done")
    if locked.removed_at and not removed:
        raise NotPossible(f"{deployment.name} was removed; `desirepath restore {deployment.name}` first")


class Busy(NotPossible):
    """Somebody is changing the deployment by hand: the caller may try again in a moment."""


@contextmanager
def by_hand(deployment: Deployment, *, removed: bool = False) -> Iterator[None]:
    """A change by hand. Raises NotPossible while a run or somebody else is changing the deployment."""
    with transaction.atomic():
        refuse_second(deployment, removed=removed)
        until = deployment.begin(ChangeKind.BY_HAND)
    try:
        deployment.refresh_from_db(fields=["removed_at", "scale"])
        yield
    finally:
        deployment.end(ChangeKind.BY_HAND, until)


@dataclass(frozen=True)
class Recorded:
    """Whether the outcome was written, and the step that the same worker holds since the same commit."""

    written: bool
    next: StepRun | None = None


def record(step: StepRun, outcome: Outcome, *, take_next: Claimer | None = None) -> Recorded:
    """Store the outcome of this claim and open what follows. Nothing is written when the claim was lost.

    With `take_next` the same owner holds its next step in the same commit: what follows in the run, else what is due.
    """
    outcome = in_words(outcome)
    with transaction.atomic():
        # On PostgreSQL whoever changes a run's rows waits for this lock; on SQLite only one writes at a time anyway.
        state = Run.objects.select_for_update(no_key=True).values_list("state", flat=True).get(pk=step.run_id)
        owner = step.owner
        held = {"id": step.pk, "state": StepState.RUNNING, "owner": owner, "claim": step.claim}
        changes, event, text = changes_of(step, outcome)
        changes |= {"lease_until": None, "owner": ""}
        if prepared.update(StepRun, held, changes) != 1:
            return Recorded(False)
        for name, value in changes.items():
            setattr(step, name, value)
        if event:
            step.say(event, text, attempt=step.attempt, claim=step.claim)
        step.run.state = state
        walk = RunProgress(step.run, take_for=owner if take_next and state == RunState.RUNNING else "")
        if step.state in LIVE_STEPS:
            _after_pause(walk, step, outcome)
        else:
            walk.ended(step)
        if not isinstance(outcome, Poll):
            concurrency.admit(step)
        if take_next and walk.taken is None:
            walk.taken = next(iter(take_next.claim()), None)
    return Recorded(True, walk.taken)


def _after_pause(walk: RunProgress, step: StepRun, outcome: Outcome) -> None:
    """A live step after its execution: cancel it when its run is ending; make it ready when a wake was requested."""
    row = StepRun.objects.filter(pk=step.pk)
    if walk.run.state in ENDING_RUNS and step.purpose in ORDINARY:
        row.update(state=StepState.CANCELLED, asking=None, queue="", wake_at=None, ended_at=timezone.now())
        walk.undo_when_quiet()
    elif isinstance(outcome, Queued) and outcome.queue == concurrency.PAUSED and walk.run.state != RunState.PAUSED:
        row.update(state=StepState.READY, queue="")
        ring()
    elif row.filter(wake_requested=True).update(state=StepState.READY, wake_at=None, wake_requested=False):
        ring()


def cancel(run: Run, user: User | None) -> None:
    """End the run: what it started is stopped and what it changed is put back. Raises NotPossible when it has ended."""
    with transaction.atomic():
        live = Run.objects.filter(pk=run.pk, state__in=(RunState.RUNNING, RunState.PAUSED))
        reason = f"cancelled by {user.name}" if user else "cancelled"
        if live.update(state=RunState.CANCELLING, reason=reason) != 1:
            raise NotPossible(f"run {run.pk} is {_word(run)} already")
        run.refresh_from_db()
        run.say("run.cancelling", reason, actor=user)
        RunProgress(run).stop_everything()


def begin_again(run: Run) -> None:
    """Continue a run that is resumed: restore the traffic it had reached, then open what its ended steps ask for."""
    walk = RunProgress(run)
    if run.traffic_reached:
        walk.insert_repair(run.traffic_reached, "resume")
    else:
        walk.rebuild()


def repair(run: Run) -> None:
    """Rebuild a running run's open rows from its ended steps. Rows that are right stay."""
    with transaction.atomic():
        locked = Run.objects.select_for_update(no_key=True).get(pk=run.pk)
        if locked.state in (RunState.RUNNING, RunState.PAUSED):
            Run.objects.filter(pk=run.pk).update(resumed=F("resumed") + 1)
            locked.refresh_from_db()
            RunProgress(locked).rebuild()


def pause(run: Run, user: User | None) -> None:
    """Begin nothing new. What is launched is looked after to its end. Raises NotPossible unless it is running."""
    with transaction.atomic():
        if Run.objects.filter(pk=run.pk, state=RunState.RUNNING).update(state=RunState.PAUSED) != 1:
            raise NotPossible(f"run {run.pk} is {_word(run)}; only a running run is paused")
        run.state = RunState.PAUSED
        run.say("run.paused", f"{_name(user)} paused the run", actor=user)


def go_on(run: Run, user: User | None) -> None:
    """Continue a paused run. Raises NotPossible unless it is paused."""
    with transaction.atomic():
        if Run.objects.filter(pk=run.pk, state=RunState.PAUSED).update(state=RunState.RUNNING) != 1:
            raise NotPossible(f"run {run.pk} is {_word(run)}; only a paused run is continued")
        run.state = RunState.RUNNING
        run.steps.filter(queue=concurrency.PAUSED).update(state=StepState.READY, queue="")
        run.say("run.continued", f"{_name(user)} continued the run", actor=user)
        ring()


def _word(run: Run) -> str:
    return str(Run.objects.get(pk=run.pk).get_state_display().lower())


def _name(user: User | None) -> str:
    return user.name if user else "Somebody"
