"""Executes a claimed step, or polls it, and records its outcome. Every exception becomes an outcome here.

Engines, Celery workers and tests call the same functions. Every write is fenced by the step's owner and claim number,
so a worker that lost its claim changes nothing.
"""

from __future__ import annotations

import contextlib
import threading
import time
import traceback
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from django.db import Error, InterfaceError, OperationalError, close_old_connections, connection
from django.utils import timezone

from engine.artefacts.store import FULL, DiskFull
from engine.definition.expressions import ExpressionError, parse, typed
from engine.definition.semantics import expressions_of
from engine.models import Run, StepRun
from engine.outcomes import (
    Asking,
    Failed,
    MissingInput,
    Outcome,
    PermanentFailure,
    Poll,
    Queued,
    Skipped,
    Succeeded,
    TemporaryFailure,
)
from engine.queue import concurrency
from engine.queue.claims import LEASE, Claimer, let_go, loaded, new_owner, renew
from engine.runs import decisions, outputs, transitions
from engine.runs.context import context_for, met
from engine.statuses import ENDING_RUNS, RunState
from engine.steps.base import NotYet, Step, StepKind
from engine.steps.catalogue import kind_of
from engine.steps.filling import fill, step_for
from engine.targets.base import TargetError

TROUBLES = 5  # temporary target errors after which a step fails
CHAIN = 0.25  # seconds for which a worker claims the next step in the same commit, before others get their turn
ROOM_WAIT = 2.0  # seconds until a step is tried again on a full disk


# --- executing -------------------------------------------------------------------------------------------------------


def execute(row: StepRun) -> bool:
    """Execute a claimed step and record its outcome. False when the claim was lost meanwhile."""
    return transitions.record(row, outcome_of(row)).written


def work(row: StepRun, at_work: set[int] | None = None, claimer: Claimer | None = None) -> int:
    """Execute a claimed step and, for `CHAIN` seconds, the next ones: those that follow it, or else what is due.

    Each next step is claimed in the commit that ends the one before. `at_work` holds the id of the step being executed,
    so that the heartbeat renews its lease. Returns the number of steps. Raises, and gives up the claim, when the
    database does not answer.
    """
    began, count = time.monotonic(), 0
    claimer = claimer or Claimer(row.owner)
    following: StepRun | None = row
    while following:
        count += 1
        still = time.monotonic() - began < CHAIN
        following = _work_one(following, set() if at_work is None else at_work, claimer if still else None)
    return count


def _work_one(row: StepRun, at_work: set[int], take_next: Claimer | None) -> StepRun | None:
    at_work.add(row.pk)
    owner = row.owner
    try:
        return _recorded(row, outcome_of(row), take_next)
    except Exception:
        with contextlib.suppress(Error):  # the database may be away altogether; then the lease runs out
            close_old_connections()
            let_go(owner, row.pk)
        raise
    finally:
        at_work.discard(row.pk)


def _recorded(row: StepRun, outcome: Outcome, take_next: Claimer | None) -> StepRun | None:
    """Record the outcome. One that the database refuses is recorded as a failure, or the step would never end."""
    owner, claim = row.owner, row.claim
    try:
        return transitions.record(row, outcome, take_next=take_next).next
    except (OperationalError, InterfaceError):
        raise
    except Exception as error:
        again = loaded().filter(pk=row.pk, owner=owner, claim=claim).first()
        return transitions.record(again, _broken(again, error)).next if again else None


def outcome_of(row: StepRun) -> Outcome:
    """The step's outcome. Raises only database errors, because those are no failure of the step."""
    try:
        return _outcome(row)
    except (OperationalError, InterfaceError):
        raise
    except (OSError, DiskFull) as error:
        return _out_of_room(error) or _broken(row, error)
    except MissingInput as missing:
        return Skipped(str(missing))
    except (PermanentFailure, ExpressionError) as error:
        return Failed(str(error))
    except TemporaryFailure as error:
        return Failed(str(error), temporary=True)
    except TargetError as error:
        return Failed(str(error), temporary=error.temporary, of="target" if error.temporary else "")
    except Exception as error:
        return _broken(row, error)


MOST_SAID = 500  # characters of an error that nobody foresaw


def _broken(row: StepRun, error: Exception) -> Outcome:
    row.say("step.error", "".join(traceback.format_exception(error))[-4000:])
    place = traceback.extract_tb(error.__traceback__)[-1:]
    where = f" ({Path(place[0].filename).name}, line {place[0].lineno})" if place else ""
    why = f"{type(error).__name__}: {error}"
    return Failed(f"Something in Desirepath itself failed: {why[:MOST_SAID]}{where}", temporary=True)


def _out_of_room(error: OSError | DiskFull) -> Outcome | None:
    """A poll while the disk is full; None for another error. What the step started is found again by its name."""
    full = isinstance(error, DiskFull) or error.errno in FULL
    return Poll(ROOM_WAIT, "The disk is full; the step goes on when there is room.") if full else None


def _outcome(row: StepRun) -> Outcome:
    if row.purpose == StepRun.Purpose.UNDO:
        return put_back(row)
    if row.purpose == StepRun.Purpose.COMPENSATE:
        return _in_time(row, _leaf_outcome(row))
    if row.run.state in ENDING_RUNS:
        return Poll(0, "the run is ending")
    if row.run.state == RunState.PAUSED and not row.checkpoint.get("jobs"):
        return Queued(concurrency.PAUSED)
    return decisions.decide(row) if row.purpose == StepRun.Purpose.DECIDE else _in_time(row, _leaf_outcome(row))


def _leaf_outcome(row: StepRun) -> Outcome:
    leaf = row.definition
    context = context_for(row, expressions_of(leaf))
    if leaf.when and not met(leaf.when, context):
        return Skipped(f"only when {parse(leaf.when).text}")
    kind = kind_of(leaf)
    step = step_for(row, leaf, fill(kind, leaf, context))
    try:
        return _typed(kind, step, _run(kind, step))
    finally:
        row.checkpoint = step.checkpoint  # also after a failure, because cancel stops the jobs it names


def _run(kind: StepKind, step: Step[Any]) -> Outcome:
    """Run the kind. A temporary target error is polled again, with growing pauses, until there were `TROUBLES`."""
    try:
        return kind.run(step)
    except NotYet as wait:
        return Poll(wait.seconds, wait.note)
    except TargetError as error:
        troubles = step.checkpoint.get("troubles", 0)
        if not error.temporary or troubles >= TROUBLES:
            raise
        step.checkpoint["troubles"] = troubles + 1
        return Poll(0.5 * 2**troubles, str(error))


def _typed(kind: StepKind, step: Step[Any], outcome: Outcome) -> Outcome:
    if not isinstance(outcome, Succeeded):
        return outcome
    types = kind.declared_outputs(step.leaf) or {}
    values = {name: typed(value, types.get(name, "json")) for name, value in outcome.outputs.items()}
    return Succeeded(outputs.store(values, step.run), outcome.note)


def _in_time(row: StepRun, outcome: Outcome) -> Outcome:
    """The outcome, or a failure when the step is live after its timeout: then the jobs it started are stopped."""
    leaf = row.definition
    if leaf.timeout is None or not isinstance(outcome, Poll | Asking) or row.started_at is None:
        return outcome
    end = row.started_at.timestamp() + leaf.timeout
    left = end - timezone.now().timestamp()
    if left > 0 and isinstance(outcome, Asking):
        return replace(outcome, deadline=min(end, outcome.deadline or end))
    if left > 0 and isinstance(outcome, Poll):
        return Poll(min(outcome.seconds, left), outcome.note)
    kind = kind_of(leaf)
    kind.cancel(step_for(row, leaf, kind.form.model_construct()))
    return Failed(
        f"It took longer than the {leaf.timeout:g} s it may take, and was stopped.", temporary=True, of="timeout"
    )


# --- putting back ----------------------------------------------------------------------------------------------------


def put_back(row: StepRun) -> Outcome:
    """Stop what the run has running and set the traffic as `checkpoint["weights"]` says. Safe to do again."""
    run = row.run
    resuming = row.checkpoint.get("why") == "resume"
    checkpoints = run.steps.exclude(checkpoint={}).values_list("checkpoint", flat=True)
    for name in [] if resuming else [name for checkpoint in checkpoints for name in checkpoint.get("jobs", [])]:
        run.target.connect().stop(name)
    if run.deployment and run.releases.exists():
        target = run.target.connect()
        if not resuming:
            Run.objects.filter(pk=run.pk, traffic_reached__isnull=True).update(traffic_reached=run.deployment.traffic())
        weights = row.checkpoint.get("weights") or {}
        why = "Traffic as it was when the run failed" if resuming else "Traffic back as it was before the run"
        run.deployment.send(target, weights, why, run=run)
        if run.state == RunState.CANCELLING:
            for release in run.releases.filter(weight=0, retired_at=None):
                release.stop(target, for_good=True)
    return Succeeded()


# --- the heartbeat ---------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def heartbeat(owner: str, at_work: set[int]) -> Iterator[None]:
    """Renew the leases of the steps in `at_work` from a thread while the body runs."""
    stop = threading.Event()

    def beat() -> None:
        while not stop.wait(LEASE.total_seconds() / 4):
            try:
                renew(owner, at_work.copy())
            except Error:  # the database is busy or was restarted: the next beat tries again
                close_old_connections()
        connection.close()

    thread = threading.Thread(target=beat, daemon=True, name="heartbeat")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def drain(owner: str | None = None, *, limit: int = 100_000, at_work: set[int] | None = None) -> int:
    """Execute whatever is due, in this thread, until nothing is. Returns how many executions that took."""
    claimer, count = Claimer(owner or new_owner()), 0
    while count < limit and (steps := claimer.claim()):
        count += work(steps[0], at_work, claimer)
    return count
