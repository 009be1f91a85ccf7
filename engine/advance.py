"""One short transaction that takes a run on: it stores what a step came to and opens what follows.

The step's ancestors are walked upward from its block row; each holds the number of its open children, so the cost does
not grow with the run. Safe to call any number of times: a write whose claim is no longer held changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from engine import plan
from engine.flow import Choose, Parallel, Path, Repeat, Sequence, read_path, write_path
from engine.models import Block, Release, Run, StepRun
from engine.outcomes import Asking, Failed, Later, Outcome, Skipped, Succeeded
from engine.plan import Iteration, Opening
from engine.retry import wait_before_retry
from engine.statuses import LIVE_STEPS, RunState, StepState

if TYPE_CHECKING:
    from engine.models import Deployment
    from people.models import User

UNDO_TRIES = 5


class NotNow(ValueError):
    """The run is in no state for this; the message says what to do."""


def start(run: Run) -> Run:
    """Store a new run and open its flow. Raises NotNow while another run is changing the same deployment."""
    with transaction.atomic():
        if run.deployment:
            _refuse_second(run.deployment)
            run.traffic_before = {k: v for k, v in run.deployment.traffic().items() if v}
        run.save()
        run.say("run.started", f"{run.started_by or 'Somebody'} started {run.revision}", actor=run.started_by)
        walk = _Walk(run)
        if not walk.open(plan.opening(run.flow, (), (), None)):
            walk.succeed()
    return run


def _refuse_second(deployment: Deployment) -> None:
    # Whoever starts or resumes on this deployment queues here, so that two never both find it free.
    type(deployment).objects.select_for_update().get(pk=deployment.pk)
    if other := deployment.runs.active().first():
        raise NotNow(f"run {other.pk} is changing {deployment.name} already; wait for it, or cancel it")


def record(step: StepRun, outcome: Outcome) -> bool:
    """Store what this claim of the step came to, and take the run on. False: the claim was lost, nothing is written."""
    with transaction.atomic():
        held = StepRun.objects.filter(pk=step.pk, state=StepState.RUNNING, owner=step.owner, claim=step.claim)
        changes, event, text = _changes(step, outcome)
        if held.update(**changes, lease_until=None, owner="") != 1:
            return False
        for name, value in changes.items():
            setattr(step, name, value)
        if event:
            step.say(event, text, attempt=step.attempt, claim=step.claim)
        runs = Run.objects.select_related("revision", "deployment").defer("revision__document")
        run = runs.get(pk=step.run_id)
        _Walk(run).ended(step) if step.state not in LIVE_STEPS else _after_pause(run, step)
    return True


def _after_pause(run: Run, step: StepRun) -> None:
    """A step that let go without ending, in a run that is on its way out, ends here."""
    if run.state in (RunState.COMPENSATING, RunState.CANCELLING) and step.purpose != StepRun.Purpose.UNDO:
        StepRun.objects.filter(pk=step.pk).update(state=StepState.CANCELLED, asking=None, ended_at=timezone.now())
        _Walk(run).put_back_when_quiet()


def _changes(step: StepRun, outcome: Outcome) -> tuple[dict[str, Any], str, str]:
    """The columns an outcome sets, and the event it makes (none for a look again)."""
    now = timezone.now()
    ended = {"memory": step.memory, "ended_at": now, "wake_at": None, "asking": None}
    match outcome:
        case Succeeded():
            return {
                **ended, "state": StepState.SUCCEEDED, "outputs": dict(outcome.outputs), "note": outcome.note[:300],
                "reason": "",
            }, "step.succeeded", outcome.note  # fmt: skip
        case Skipped():
            return {**ended, "state": StepState.SKIPPED, "reason": outcome.reason}, "step.skipped", outcome.reason
        case Later():
            wake = now + timedelta(seconds=outcome.seconds)
            note = outcome.note[:300] or step.note
            return {"state": StepState.WAITING, "wake_at": wake, "memory": step.memory, "note": note}, "", ""
        case Asking():
            asking = {
                "question": outcome.question,
                "by": outcome.by,
                "verb": outcome.verb,
                "needs": dict(outcome.needs),
            }
            return {
                "state": StepState.WAITING, "asking": asking, "asked_at": step.asked_at or now, "memory": step.memory,
                "wake_at": None,
            }, "step.asks", outcome.question  # fmt: skip
        case Failed():
            return _failed_changes(step, outcome, ended)


def _failed_changes(step: StepRun, failed: Failed, ended: dict[str, Any]) -> tuple[dict[str, Any], str, str]:
    retries = UNDO_TRIES if step.purpose == StepRun.Purpose.UNDO else 0
    retries = step.definition.retries if step.purpose == StepRun.Purpose.LEAF else retries
    wait = wait_before_retry(failed, step.attempt, retries)
    if wait is None:
        return {**ended, "state": StepState.FAILED, "reason": failed.reason}, "step.failed", failed.reason
    again = {
        "state": StepState.WAITING, "wake_at": timezone.now() + timedelta(seconds=wait), "attempt": step.attempt + 1,
        "memory": {}, "started_at": None, "reason": failed.reason,
    }  # fmt: skip
    return again, "step.retrying", f"{failed.reason} Trying again in {wait:.1f} s."


def cancel(run: Run, user: User | None) -> None:
    """End the run: what it started is stopped and what it changed is put back. Raises NotNow when it has ended."""
    with transaction.atomic():
        live = Run.objects.filter(pk=run.pk, state__in=(RunState.RUNNING, RunState.PAUSED))
        reason = f"cancelled by {user.name}" if user else "cancelled"
        if live.update(state=RunState.CANCELLING, reason=reason) != 1:
            raise NotNow(f"run {run.pk} is {Run.objects.get(pk=run.pk).get_state_display().lower()} already")
        run.refresh_from_db()
        run.say("run.cancelling", reason, actor=user)
        _Walk(run).stop_everything()


def resume(run: Run, user: User | None) -> list[StepRun]:
    """Run the failed steps again, keeping what succeeded. Returns the steps it will run again; NotNow unless failed."""
    with transaction.atomic():
        if Run.objects.get(pk=run.pk).state == RunState.FAILED and run.deployment:
            _refuse_second(run.deployment)
        if Run.objects.filter(pk=run.pk, state=RunState.FAILED).update(
            state=RunState.RUNNING, reason="", ended_at=None
        ) != 1:  # fmt: skip
            raise NotNow(f"run {run.pk} has not failed; only a failed run is resumed")
        if gone := run.releases.exclude(retired_at=None).first():
            raise NotNow(f"{gone} of run {run.pk} was stopped when a later one went live; start a new run")
        run.refresh_from_db()
        again = list(reset_set(run))
        run.say("run.resumed", f"{user.name if user else 'Somebody'} resumed: {_names(again)} again", actor=user)
        walk = _Walk(run)
        if run.traffic_reached:
            walk.insert_repair(run.traffic_reached, "resume")
        else:
            walk.reset()
    return again


def reset_set(run: Run) -> list[StepRun]:
    """What resume would run again: the failed step and those that were cancelled with it."""
    ended = run.steps.filter(state__in=(StepState.FAILED, StepState.CANCELLED)).exclude(purpose=StepRun.Purpose.UNDO)
    return [step for step in ended if step.state == StepState.CANCELLED or not _goes_on(step)]


def _goes_on(step: StepRun) -> bool:
    return step.purpose == StepRun.Purpose.LEAF and step.definition.on_failure == "continue"


def _names(steps: list[StepRun]) -> str:
    return ", ".join(step.title for step in steps[:5]) + (f" and {len(steps) - 5} more" if len(steps) > 5 else "")


class _Walk:
    """The walk of one transaction over one run's rows."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.flow = run.flow

    # --- after a step ---

    def ended(self, step: StepRun) -> None:
        if step.purpose == StepRun.Purpose.UNDO:
            self.repaired(step)
        elif self.run.state in (RunState.COMPENSATING, RunState.CANCELLING):
            self.put_back_when_quiet()
        elif step.state == StepState.FAILED and not _goes_on(step):
            self.fail(f"{step.title}: {step.reason}")
        elif step.purpose == StepRun.Purpose.DECIDE:
            self.decided(step)
        else:
            self.child_done(step.block, read_path(step.path))

    def child_done(self, block: Block | None, child: Path) -> None:
        """Tell a block that its child is over; go up as long as blocks close."""
        while block is not None:
            if self._goes_on_inside(block, child[-1]):
                return
            Block.objects.filter(pk=block.pk).update(open_children=0, closed_at=timezone.now())
            child = read_path(block.path)
            block = Block.objects.get(pk=block.parent_id) if block.parent_id else None
        self.succeed()

    def _goes_on_inside(self, block: Block, index: int) -> bool:
        """Open what follows a child inside its block; False when the block is over."""
        path, iteration = read_path(block.path), read_path(block.iteration)
        match self.flow.at(path):
            case Sequence():
                return self.open(plan.following(self.flow, path, index, iteration))
            case Parallel():
                # The decrement and the look are in one transaction, and writers queue: exactly one sees the last.
                Block.objects.filter(pk=block.pk).update(open_children=F("open_children") - 1)
                block.refresh_from_db(fields=["open_children"])
                return block.open_children > 0
            case Repeat() if index == 0:
                return self.open(plan.decision(path, iteration, block.round))
            case Repeat():
                return self.next_round(block, plan.round_of(self.flow, path, iteration, block.round + 1))
            case _:
                return False

    def next_round(self, block: Block, opened: Opening) -> bool:
        Block.objects.filter(pk=block.pk).update(round=block.round + 1)
        return self.open(opened)

    def decided(self, step: StepRun) -> None:
        block = step.block
        assert block is not None
        path, iteration = read_path(block.path), read_path(block.iteration)
        node = self.flow.at(path)
        if isinstance(node, Choose):
            chosen = step.outputs.get("branch")
            if chosen is None or not self.open(plan.opening(self.flow, (*path, chosen), iteration, (path, iteration))):
                self.child_done(block, (*path, 0))
        elif not step.outputs.get("again"):
            self.close(block)
        else:
            opened = plan.again_of(self.flow, path, iteration, block.round)
            if opened.steps[0].iteration[: len(iteration) + 1] == (*iteration, block.round + 1):
                self.next_round(block, opened)
            else:
                self.open(opened)

    def close(self, block: Block) -> None:
        Block.objects.filter(pk=block.pk).update(open_children=0, closed_at=timezone.now())
        parent = Block.objects.get(pk=block.parent_id) if block.parent_id else None
        self.child_done(parent, read_path(block.path)) if parent else self.succeed()

    # --- rows ---

    def open(self, opened: Opening) -> bool:
        """Insert the rows; False when there are none."""
        made: dict[plan.Place, Block] = {}
        for new in opened.blocks:
            made[new.path, new.iteration] = Block.objects.create(
                run=self.run, parent=self._block_above(new.path, new.iteration, made), path=write_path(new.path),
                iteration=write_path(new.iteration), open_children=new.open_children, round=new.round,
            )  # fmt: skip
        now = timezone.now()
        StepRun.objects.bulk_create(
            StepRun(
                run=self.run, block=made.get(s.block) or self._stored(s.block) if s.block else None, leaf=s.leaf,
                path=write_path(s.path), iteration=write_path(s.iteration), made_at=now,
                purpose=StepRun.Purpose.LEAF if s.leaf else StepRun.Purpose.DECIDE,
            )
            for s in opened.steps
        )  # fmt: skip
        return bool(opened)

    def _block_above(self, path: Path, iteration: Iteration, made: Mapping[plan.Place, Block]) -> Block | None:
        if not path:
            return None
        depth = len(self.flow.rounds(path[:-1]))
        above = (path[:-1], iteration[:depth])
        return made.get(above) or self._stored(above)

    def _stored(self, place: plan.Place) -> Block:
        return Block.objects.get(run=self.run, path=write_path(place[0]), iteration=write_path(place[1]))

    # --- the end of a run ---

    def succeed(self) -> None:
        self._end(RunState.SUCCEEDED, "", "run.succeeded", "Every step is done")
        if self.run.deployment:
            type(self.run.deployment).objects.filter(pk=self.run.deployment.pk).update(judged_at=None)

    def fail(self, reason: str) -> None:
        Run.objects.filter(pk=self.run.pk).update(state=RunState.COMPENSATING, reason=reason)
        self.run.state, self.run.reason = RunState.COMPENSATING, reason
        self.run.say("run.failing", reason)
        self.stop_everything()

    def stop_everything(self) -> None:
        """Cancel what has not begun; what a worker holds ends when the worker lets go."""
        idle = self.run.steps.filter(state__in=(StepState.READY, StepState.WAITING))
        idle.update(state=StepState.CANCELLED, asking=None, wake_at=None, ended_at=timezone.now())
        self.put_back_when_quiet()

    def put_back_when_quiet(self) -> None:
        if not self.run.live_steps().exists():
            self.insert_repair(self.run.traffic_before, "put back")

    def insert_repair(self, weights: Mapping[str, int] | None, why: str) -> None:
        before = self.run.steps.filter(purpose=StepRun.Purpose.UNDO).count()
        StepRun.objects.create(
            run=self.run, purpose=StepRun.Purpose.UNDO, iteration=str(before + 1),
            memory={"weights": weights, "why": why},
        )  # fmt: skip

    def repaired(self, step: StepRun) -> None:
        if step.state == StepState.FAILED:
            self.run.reason += f" What the run changed could not be put back: {step.reason}"
        if step.memory.get("why") == "resume":
            Run.objects.filter(pk=self.run.pk).update(traffic_reached=None)
            self.reset()
        elif self.run.state == RunState.CANCELLING:
            Release.objects.filter(run=self.run, weight=0, retired_at=None).update(retired_at=timezone.now())
            self._end(RunState.CANCELLED, self.run.reason, "run.cancelled", self.run.reason)
        else:
            self._end(RunState.FAILED, self.run.reason, "run.failed", self.run.reason)

    def reset(self) -> None:
        """Make the steps of the reset set ready again, as a new attempt each."""
        StepRun.objects.filter(pk__in=[s.pk for s in reset_set(self.run)]).update(
            state=StepState.READY, attempt=F("attempt") + 1, memory={}, outputs={}, reason="", note="", asking=None,
            answer=None, asked_at=None, started_at=None, ended_at=None, wake_at=None,
        )  # fmt: skip

    def _end(self, state: RunState, reason: str, kind: str, text: str) -> None:
        Run.objects.filter(pk=self.run.pk).update(state=state, reason=reason, ended_at=timezone.now())
        self.run.state, self.run.reason = state, reason
        self.run.say(kind, text)
