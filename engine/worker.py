"""Claim a step, execute it or look at it again, record what it came to. Every way of failing becomes an outcome here.

Embedded this is a loop (`manage.py engine`); scaled out the same body is rung by a doorbell. Either way the database
decides: a claim is a conditional update, holds a lease, and every write is fenced by owner and claim number.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import threading
import traceback
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import psutil
from django.db.models import F, Q, QuerySet, Value
from django.db.models.functions import Coalesce
from django.utils import timezone
from pydantic import ValidationError

from engine import advance
from engine.context import context_for
from engine.expressions import Absent, ExpressionError, expressions_in, parse, resolve, typed
from engine.flow import Choose, Leaf, Repeat, read_path
from engine.models import Run, StepRun
from engine.models.artefact import store
from engine.outcomes import (
    Asking,
    Failed,
    Later,
    MissingInput,
    Outcome,
    PermanentFailure,
    Skipped,
    Succeeded,
    TemporaryFailure,
)
from engine.statuses import RunState, StepState
from engine.steps import registry
from engine.steps.base import Form, NotYet, Step, StepKind
from engine.targets.base import TargetError

LEASE = timedelta(seconds=10)
TROUBLES = 5  # how often a target may be in trouble for a moment before its step fails


def new_owner() -> str:
    return f"{socket.gethostname()[:40]}:{os.getpid()}:{secrets.token_hex(4)}"


# --- claiming --------------------------------------------------------------------------------------------------------


def claim(owner: str, limit: int = 1) -> list[StepRun]:
    """Up to `limit` steps that this owner now holds: ready ones, those whose time has come, those whose lease ran out.

    Three indexed questions; each candidate is taken by a conditional update, so two engines never hold one step.
    """
    now = timezone.now()
    taken: list[StepRun] = []
    # Each question has its own index and is asked in that index's order; in another, SQLite walks the whole table.
    for due, order in (
        (Q(state=StepState.READY), "pk"),
        (Q(state=StepState.WAITING, wake_at__lte=now), "wake_at"),
        (Q(state=StepState.RUNNING, lease_until__lt=now), "lease_until"),
    ):
        found = StepRun.objects.filter(due).order_by(order).values_list("pk", "claim")
        for pk, number in found[: limit - len(taken)]:
            if _take(pk, number, due, owner):
                taken.append(loaded().get(pk=pk))
        if len(taken) >= limit:
            break
    return taken


def loaded() -> QuerySet[StepRun]:
    """A step with its run and deployment, but not the whole document, which grows with the template."""
    rows = StepRun.objects.select_related("run__revision", "run__deployment")
    return rows.defer("run__revision__document")


def _take(pk: int, number: int, due: Q, owner: str) -> bool:
    now = timezone.now()
    changes = {"state": StepState.RUNNING, "owner": owner, "claim": F("claim") + 1, "lease_until": now + LEASE}
    held = StepRun.objects.filter(due, pk=pk, claim=number)
    return held.update(**changes, wake_at=None, started_at=Coalesce(F("started_at"), Value(now))) == 1


def renew(owner: str) -> None:
    """Prolong every lease this owner holds."""
    StepRun.objects.filter(owner=owner, state=StepState.RUNNING).update(lease_until=timezone.now() + LEASE)


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


def next_wake() -> float | None:
    """Seconds until a waiting step's time comes, or None."""
    found = (
        StepRun.objects.filter(state=StepState.WAITING, wake_at__isnull=False)
        .order_by("wake_at").values_list("wake_at", flat=True).first()
    )  # fmt: skip
    return None if found is None else max(0.0, (found - timezone.now()).total_seconds())


# --- executing -------------------------------------------------------------------------------------------------------


def execute(row: StepRun) -> bool:
    """Execute a claimed step and record its outcome. False when the claim was lost meanwhile."""
    return advance.record(row, outcome_of(row))


def outcome_of(row: StepRun) -> Outcome:
    """What this step comes to now; never raises."""
    try:
        if row.purpose == StepRun.Purpose.UNDO:
            return put_back(row)
        if row.run.state in (RunState.COMPENSATING, RunState.CANCELLING):
            return Later(0, "the run is ending")
        if row.purpose == StepRun.Purpose.DECIDE:
            return decide(row)
        return _in_time(row, _leaf_outcome(row))
    except MissingInput as missing:
        return Skipped(str(missing))
    except (PermanentFailure, ExpressionError) as error:
        return Failed(str(error))
    except TemporaryFailure as error:
        return Failed(str(error), temporary=True)
    except TargetError as error:
        return Failed(str(error), temporary=error.temporary)
    except Exception as error:
        row.say("step.error", "".join(traceback.format_exception(error))[-4000:])
        return Failed(f"Something in Desirepath itself failed: {type(error).__name__}: {error}", temporary=True)


def _leaf_outcome(row: StepRun) -> Outcome:
    leaf = row.definition
    expressions = [*expressions_in(dict(leaf.with_)), *([parse(leaf.when)] if leaf.when else [])]
    context = context_for(row, expressions)
    if leaf.when and not _met(leaf.when, context):
        return Skipped(f"only when {parse(leaf.when).text}")
    kind = registry()[leaf.uses]
    step = step_for(row, leaf, fill(kind, leaf, context))
    try:
        return _typed(kind, leaf, _run(kind, step))
    finally:
        row.memory = step.memory  # also what it noted before it failed: cancel stops the jobs named there


def _run(kind: StepKind, step: Step[Any]) -> Outcome:
    """Ask the kind. A target that is in trouble for a moment is no failure of the step: it is asked again."""
    try:
        return kind.run(step)
    except NotYet as wait:
        return Later(wait.seconds, wait.note)
    except TargetError as error:
        troubles = step.memory.get("troubles", 0)
        if not error.temporary or troubles >= TROUBLES:
            raise
        step.memory["troubles"] = troubles + 1
        return Later(0.5 * 2**troubles, str(error))


def _met(text: str, context: dict[str, Any]) -> bool:
    try:
        return bool(parse(text).evaluate(context))
    except Absent:
        return False


def fill(kind: StepKind, leaf: Leaf, context: dict[str, Any]) -> Form:
    """The kind's form with its expressions answered. Raises MissingInput, or PermanentFailure when it does not fit."""
    values: dict[str, Any] = {}
    for key, value in leaf.with_.items():
        try:
            values[key] = resolve(value, context)
        except Absent:
            values[key] = None
        if values[key] is None:
            if kind.form.model_fields[key].is_required():
                raise MissingInput(f"needs {_what(key, value)}, which is not there")
            del values[key]
    try:
        return kind.form.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        raise PermanentFailure(f"{kind.name}: {'.'.join(map(str, first['loc']))}: {first['msg'].lower()}") from error


def _what(key: str, value: Any) -> str:
    """What is missing, as the person who started the run knows it: the input's name rather than the setting's."""
    inputs = sorted({r.name for e in expressions_in(value) for r in e.references if r.root == "inputs"})
    name = (inputs[0] if inputs else key).replace("_", " ")
    return f"{'an' if name[:1] in 'aeiou' else 'a'} {name}"


def step_for(row: StepRun, leaf: Leaf, form: Form) -> Step[Any]:
    memory = dict(row.memory)

    def remember() -> None:
        if StepRun.objects.filter(pk=row.pk, owner=row.owner, claim=row.claim).update(memory=memory) != 1:
            raise TemporaryFailure("another worker has taken this step over")

    def log(text: str) -> None:
        row.say("step.log", text)

    return Step(
        row=row, run=row.run, leaf=leaf, form=form, artefacts=store(), memory=memory,
        log=log, remember=remember,
    )  # fmt: skip


def _typed(kind: StepKind, leaf: Leaf, outcome: Outcome) -> Outcome:
    if not isinstance(outcome, Succeeded):
        return outcome
    types = kind.declared_outputs(leaf) or {}
    outputs = {name: typed(value, types.get(name, "json")) for name, value in outcome.outputs.items()}
    return Succeeded(outputs, outcome.note)


def _in_time(row: StepRun, outcome: Outcome) -> Outcome:
    """The outcome, unless the step is still at it after its timeout: then what it has running is stopped."""
    leaf = row.definition
    if leaf.timeout is None or not isinstance(outcome, Later | Asking) or row.started_at is None:
        return outcome
    left = leaf.timeout - (timezone.now() - row.started_at).total_seconds()
    if left > 0:
        return Later(min(outcome.seconds, left), outcome.note) if isinstance(outcome, Later) else outcome
    kind = registry()[leaf.uses]
    kind.cancel(step_for(row, leaf, kind.form.model_construct()))
    return Failed(f"It took longer than the {leaf.timeout:g} s it may take, and was stopped.", temporary=True)


def decide(row: StepRun) -> Outcome:
    """Answer a choice's or a repeat's question; outside any transaction."""
    node = row.run.flow.at(read_path(row.path))
    if isinstance(node, Repeat):
        return _decide_repeat(row, node)
    assert isinstance(node, Choose)
    if node.ask:
        return _ask_branch(row, node)
    texts = [branch.when for branch in node.branches if branch.when]
    context = context_for(row, [parse(text) for text in texts])
    for index, branch in enumerate(node.branches):
        if branch.when is None or _met(branch.when, context):
            return Succeeded({"branch": index}, parse(branch.when).text if branch.when else "otherwise")
    return Succeeded({"branch": None}, "no branch applies")


def _ask_branch(row: StepRun, node: Choose) -> Outcome:
    labels = [branch.label or f"branch {i + 1}" for i, branch in enumerate(node.branches)]
    if row.answer is None:
        return Asking("Which way?", verb="decide", needs={"choices": labels})
    chosen = str(row.answer["values"].get("choice", ""))
    if chosen not in labels:
        return Asking("Which way?", verb="decide", needs={"choices": labels})
    return Succeeded({"branch": labels.index(chosen)}, chosen)


def _decide_repeat(row: StepRun, node: Repeat) -> Outcome:
    round_ = read_path(row.iteration)[-1]
    if node.ask:
        if row.answer is None:
            return Asking("Is it good enough, or again?", verb="decide", needs={"choices": ["enough", "again"]})
        over = row.answer["values"].get("choice") != "again"
    else:
        assert node.until is not None
        expression = parse(node.until)
        try:
            over = bool(expression.evaluate(context_for(row, [expression])))
        except Absent as absent:
            return Succeeded({"again": False}, f"counts as met: {absent}")
    if over:
        return Succeeded({"again": False}, f"round {round_} was enough")
    if round_ < node.at_most:
        return Succeeded({"again": True}, f"round {round_ + 1} of at most {node.at_most}")
    if node.on_limit == "continue":
        return Succeeded({"again": False}, f"went on after {round_} rounds")
    return Failed(f"{round_} rounds were not enough; {node.at_most} is the most.")


# --- putting back ----------------------------------------------------------------------------------------------------


def put_back(row: StepRun) -> Outcome:
    """Stop what the run has running and set the traffic as `memory["weights"]` says. Safe to do again."""
    run = row.run
    resuming = row.memory.get("why") == "resume"
    memories = run.steps.exclude(memory={}).values_list("memory", flat=True)
    for name in [] if resuming else [name for memory in memories for name in memory.get("jobs", [])]:
        run.target.connect().stop(name)
    if run.deployment and run.releases.exists():
        target = run.target.connect()
        if not resuming:
            Run.objects.filter(pk=run.pk, traffic_reached__isnull=True).update(traffic_reached=run.deployment.traffic())
        weights = row.memory.get("weights") or {}
        why = "Traffic as it was when the run failed" if resuming else "Traffic back as it was before the run"
        run.deployment.send(target, weights, why, run=run)
        if run.state == RunState.CANCELLING:
            for release in run.releases.filter(weight=0, retired_at=None):
                target.stop(release.workload)
    return Succeeded()


# --- the heartbeat ---------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def heartbeat(owner: str) -> Iterator[None]:
    """Prolong this owner's leases from a thread of its own while the body runs."""
    stop = threading.Event()

    def beat() -> None:
        from django.db import connection

        while not stop.wait(LEASE.total_seconds() / 4):
            with contextlib.suppress(Exception):  # a busy database now is tried again in a moment
                renew(owner)
        connection.close()

    thread = threading.Thread(target=beat, daemon=True, name="heartbeat")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def drain(owner: str | None = None, *, limit: int = 10_000) -> int:
    """Execute whatever is due, in this thread, until nothing is. Returns how many executions that took."""
    owner = owner or new_owner()
    for count in range(limit):
        steps = claim(owner)
        if not steps:
            return count
        execute(steps[0])
    return limit
