"""One short transaction that takes a run on: it stores what a step came to and opens what follows.

The step's ancestors are walked upward from its block row; each holds the number of its open children, so the cost does
not grow with the run. Safe to call any number of times: a write whose claim is no longer held changes nothing. The
worker that ends a step may take the next one in the same commit, so a sequence costs one commit a step.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from engine import bell, plan, turns
from engine.flow import Choose, Foreach, Leaf, Parallel, Path, Repeat, Sequence, read_path, write_path
from engine.models import Block, Release, Run, StepRun
from engine.outcomes import Asking, Failed, Held, Later, Outcome, Skipped, Succeeded, in_words
from engine.plan import Iteration, Opening
from engine.retry import wait_before_retry
from engine.statuses import LIVE_STEPS, RunState, StepState

if TYPE_CHECKING:
    from engine.models import Deployment
    from people.models import User

UNDO_TRIES = 5
LEASE = timedelta(seconds=8)  # prolonged four times as often; a dead machine is noticed after it
ENDING = (RunState.COMPENSATING, RunState.CANCELLING)
# What a step that is run again begins with.
FRESH: dict[str, Any] = {
    "memory": {}, "outputs": {}, "reason": "", "note": "", "asking": None, "answer": None, "asked_at": None,
    "started_at": None, "ended_at": None, "wake_at": None, "undone": False, "poked": False, "owner": "",
    "lease_until": None,
}  # fmt: skip


class NotNow(ValueError):
    """The run is in no state for this; the message says what to do."""


def start(run: Run) -> Run:
    """Store a new run and open its flow. Raises NotNow while another run is changing the same deployment."""
    with transaction.atomic():
        if run.deployment:
            refuse_second(run.deployment)
            run.traffic_before = {k: v for k, v in run.deployment.traffic().items() if v}
        run.save()
        run.say("run.started", f"{run.started_by or 'Somebody'} started {run.revision}", actor=run.started_by)
        walk = _Walk(run)
        if not walk.open(plan.opening(run.flow, (), (), None)):
            walk.succeed()
    return run


def _ring() -> None:
    """Something may be ready: tell the workers when this is committed. Who is not told finds it a moment later."""
    transaction.on_commit(bell.ring)


def refuse_second(deployment: Deployment) -> None:
    """Raise NotNow while another run is changing this deployment. Call it in the transaction that begins a run."""
    # Whoever starts or resumes on this deployment queues here, so that two never both find it free.
    type(deployment).objects.select_for_update().get(pk=deployment.pk)
    if other := deployment.runs.active().first():
        raise NotNow(f"run {other.pk} is changing {deployment.name} already; wait for it, or cancel it")


@dataclass(frozen=True)
class Recorded:
    """Whether the outcome was written, and the next step of the run, which the same worker holds already."""

    written: bool
    next: StepRun | None = None


def record(step: StepRun, outcome: Outcome, *, take_next: bool = False) -> Recorded:
    """Store what this claim of the step came to, and take the run on. Nothing is written when the claim was lost."""
    outcome = in_words(outcome)
    with transaction.atomic():
        # Who changes a run's rows queues here on PostgreSQL; on SQLite writers queue anyway.
        state = Run.objects.select_for_update().values_list("state", flat=True).get(pk=step.run_id)
        owner = step.owner
        held = StepRun.objects.filter(pk=step.pk, state=StepState.RUNNING, owner=owner, claim=step.claim)
        changes, event, text = _changes(step, outcome)
        changes |= {"lease_until": None, "owner": ""}
        if held.update(**changes) != 1:
            return Recorded(False)
        for name, value in changes.items():
            setattr(step, name, value)
        if event:
            step.say(event, text, attempt=step.attempt, claim=step.claim)
        step.run.state = state
        walk = _Walk(step.run, take_for=owner if take_next and state == RunState.RUNNING else "")
        if step.state in LIVE_STEPS:
            _after_pause(walk, step, outcome)
        else:
            walk.ended(step)
        if not isinstance(outcome, Later):
            turns.let_in(step)
    return Recorded(True, walk.taken)


def _after_pause(walk: _Walk, step: StepRun, outcome: Outcome) -> None:
    """A step that let go without ending: in a run on its way out it ends here; if it was poked it looks again."""
    row = StepRun.objects.filter(pk=step.pk)
    if walk.run.state in ENDING and step.purpose in walk.ORDINARY:
        row.update(state=StepState.CANCELLED, asking=None, queue="", wake_at=None, ended_at=timezone.now())
        walk.undo_when_quiet()
    elif isinstance(outcome, Held) and outcome.queue == turns.PAUSED and walk.run.state != RunState.PAUSED:
        row.update(state=StepState.READY, queue="")
        _ring()
    elif row.filter(poked=True).update(state=StepState.READY, wake_at=None, poked=False):
        _ring()


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
        case Held():
            begun = {} if step.memory.get("jobs") else {"started_at": None}
            return {"state": StepState.WAITING, "queue": outcome.queue, "wake_at": None, **begun}, "", ""
        case Asking():
            asking = {
                "question": outcome.question,
                "by": outcome.by,
                "verb": outcome.verb,
                "needs": dict(outcome.needs),
                **({"deadline": outcome.deadline} if outcome.deadline else {}),
            }
            until = datetime.fromtimestamp(outcome.deadline, UTC) if outcome.deadline else None
            asked = step.asking is not None and step.asking.get("question") == outcome.question
            return {
                "state": StepState.WAITING, "asking": asking, "asked_at": step.asked_at or now, "memory": step.memory,
                "wake_at": until,
            }, "" if asked else "step.asks", outcome.question  # fmt: skip
        case Failed():
            return _failed_changes(step, outcome, ended)


def _failed_changes(step: StepRun, failed: Failed, ended: dict[str, Any]) -> tuple[dict[str, Any], str, str]:
    undo = UNDO_TRIES if step.purpose == StepRun.Purpose.UNDO else 0
    retries = step.definition.retries if step.leaf else undo
    wait = wait_before_retry(failed, step.attempt, retries)
    if wait is None:
        return {**ended, "state": StepState.FAILED, "reason": failed.reason}, "step.failed", failed.reason
    again = {
        "state": StepState.WAITING, "wake_at": timezone.now() + timedelta(seconds=wait), "attempt": step.attempt + 1,
        "memory": {}, "started_at": None, "reason": failed.reason, "asking": None, "asked_at": None,
    }  # fmt: skip
    return again, "step.retrying", f"{failed.reason} Trying again in {wait:.1f} s."


def cancel(run: Run, user: User | None) -> None:
    """End the run: what it started is stopped and what it changed is put back. Raises NotNow when it has ended."""
    with transaction.atomic():
        live = Run.objects.filter(pk=run.pk, state__in=(RunState.RUNNING, RunState.PAUSED))
        reason = f"cancelled by {user.name}" if user else "cancelled"
        if live.update(state=RunState.CANCELLING, reason=reason) != 1:
            raise NotNow(f"run {run.pk} is {_word(run)} already")
        run.refresh_from_db()
        run.say("run.cancelling", reason, actor=user)
        _Walk(run).stop_everything()


def begin_again(run: Run) -> None:
    """A run that is being resumed goes on: first with the traffic it had reached, then with what its steps ask for."""
    walk = _Walk(run)
    if run.traffic_reached:
        walk.insert_repair(run.traffic_reached, "resume")
    else:
        walk.recount()


def repair(run: Run) -> None:
    """Store again what the ended steps of a running run ask for, whatever its rows say; what is right stays."""
    with transaction.atomic():
        locked = Run.objects.select_for_update().get(pk=run.pk)
        if locked.state in (RunState.RUNNING, RunState.PAUSED):
            Run.objects.filter(pk=run.pk).update(resumed=F("resumed") + 1)
            locked.refresh_from_db()
            _Walk(locked).recount()


def pause(run: Run, user: User | None) -> None:
    """Begin nothing new. What is launched is looked after to its end. Raises NotNow unless it is running."""
    with transaction.atomic():
        if Run.objects.filter(pk=run.pk, state=RunState.RUNNING).update(state=RunState.PAUSED) != 1:
            raise NotNow(f"run {run.pk} is {_word(run)}; only a running run is paused")
        run.state = RunState.PAUSED
        run.say("run.paused", f"{_name(user)} paused the run", actor=user)


def go_on(run: Run, user: User | None) -> None:
    """Continue a paused run. Raises NotNow unless it is paused."""
    with transaction.atomic():
        if Run.objects.filter(pk=run.pk, state=RunState.PAUSED).update(state=RunState.RUNNING) != 1:
            raise NotNow(f"run {run.pk} is {_word(run)}; only a paused run is continued")
        run.state = RunState.RUNNING
        run.steps.filter(queue=turns.PAUSED).update(state=StepState.READY, queue="")
        run.say("run.continued", f"{_name(user)} continued the run", actor=user)
        _ring()


def _word(run: Run) -> str:
    return str(Run.objects.get(pk=run.pk).get_state_display().lower())


def _name(user: User | None) -> str:
    return user.name if user else "Somebody"


def place_of(row: StepRun) -> plan.Place:
    return read_path(row.path), read_path(row.iteration)


def ended_steps(run: Run) -> dict[plan.Place, StepRun]:
    """The steps and decisions that need not be run again as the run stands, by place."""
    over = Q(state__in=(StepState.SUCCEEDED, StepState.SKIPPED, StepState.FAILED))
    rows = run.steps.filter(over, purpose__in=_Walk.ORDINARY).defer("memory", "answer")
    return {place_of(row): row for row in rows if row.state != StepState.FAILED or _goes_on(row)}


def decision_of(row: StepRun) -> Any:
    """What `engine.plan` wants to know of a step that has ended: nothing but of a decision."""
    if row.purpose != StepRun.Purpose.DECIDE:
        return None
    return next((row.outputs[name] for name in ("branch", "again", "count") if name in row.outputs), None)


def _goes_on(step: StepRun) -> bool:
    return step.purpose == StepRun.Purpose.LEAF and step.definition.on_failure == "continue"


class _Walk:
    """The walk of one transaction over one run's rows. `take_for`: the owner who takes the next step at once."""

    ORDINARY = (StepRun.Purpose.LEAF, StepRun.Purpose.DECIDE)

    def __init__(self, run: Run, take_for: str = "") -> None:
        self.run = run
        self.flow = run.flow
        self.take_for = take_for
        self.taken: StepRun | None = None
        self.blocks: dict[plan.Place, Block] = {}  # those that this transaction has seen

    # --- after a step ---

    def ended(self, step: StepRun) -> None:
        if step.purpose == StepRun.Purpose.UNDO:
            self.repaired(step)
        elif step.purpose == StepRun.Purpose.COMPENSATE:
            self.compensated(step)
        elif self.run.state in ENDING:
            self.undo_when_quiet()
        elif step.state == StepState.FAILED and not _goes_on(step):
            self.fail(f"{step.title}: {step.reason}")
        elif step.purpose == StepRun.Purpose.DECIDE:
            self.decided(step)
        else:
            self.child_done(step.block, read_path(step.path))

    def child_done(self, block: Block | None, child: Path) -> None:
        """Tell a block that its child is over; go up as long as blocks close."""
        while block is not None:
            self.blocks[read_path(block.path), read_path(block.iteration)] = block
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
            case Foreach():
                return self.next_item(block, path, iteration)
            case Repeat() if index == 0:
                return self.open(plan.decision(path, iteration, block.round))
            case Repeat():
                return self.next_round(block, plan.round_of(self.flow, path, iteration, block.round + 1))
            case _:
                return False

    def next_item(self, block: Block, path: Path, iteration: Iteration) -> bool:
        """One item of a foreach is over; begin the next that has waited for room."""
        Block.objects.filter(pk=block.pk).update(open_children=F("open_children") - 1)
        block.refresh_from_db(fields=["open_children", "round", "total", "item"])
        if block.round < (block.total or 0):
            Block.objects.filter(pk=block.pk).update(round=block.round + 1)
            self.open(plan.items_of(self.flow, path, iteration, [block.round + 1]))
        return block.open_children > 0

    def items(self, block: Block, node: Foreach, items: list[Any]) -> None:
        """The list of a foreach is known: begin as many items as may run at once."""
        path, iteration = read_path(block.path), read_path(block.iteration)
        first, block.item = min(len(items), node.max_parallel), items
        Block.objects.filter(pk=block.pk).update(
            open_children=len(items), round=first, total=len(items), item=items
        )  # fmt: skip
        self.blocks[path, iteration] = block
        if not self.open(plan.items_of(self.flow, path, iteration, range(1, first + 1))):
            self.close(block)

    def next_round(self, block: Block, opened: Opening) -> bool:
        block.round += 1
        Block.objects.filter(pk=block.pk).update(round=block.round)
        return self.open(opened)

    def decided(self, step: StepRun) -> None:
        block = step.block
        assert block is not None
        path, iteration = read_path(block.path), read_path(block.iteration)
        node = self.flow.at(path)
        if isinstance(node, Foreach):
            self.items(block, node, step.outputs.get("items", []))
        elif isinstance(node, Choose):
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
        for new in opened.blocks:
            self._insert_block(new)
        rows = [self._row(new) for new in opened.steps]
        if self.run.resumed:
            rows = [row for row in rows if not self._opened_before(row)]
        if rows and self.take_for and self.taken is None and not turns.turns_of(rows[0]):
            self._take(rows[0])
        StepRun.objects.bulk_create(rows)
        if any(row.state == StepState.READY for row in rows):
            _ring()
        return bool(opened)

    def _insert_block(self, new: plan.NewBlock) -> None:
        parent = self._block_above(new.path, new.iteration)
        row: dict[str, Any] = {
            "parent": parent, "open_children": new.open_children, "round": new.round, "closed_at": None, "total": None,
            "item": self._item(parent, new.iteration),
        }  # fmt: skip
        place: dict[str, Any] = {"path": write_path(new.path), "iteration": write_path(new.iteration)}
        if self.run.resumed:  # it may be there, from before
            made, _ = Block.objects.update_or_create(run=self.run, **place, defaults=row)
        else:
            made = Block.objects.create(run=self.run, **place, **row)
        self.blocks[new.path, new.iteration] = made

    def _item(self, parent: Block | None, iteration: Iteration) -> Any:
        """The item of a foreach that its inner sequence is for."""
        if parent is None or not isinstance(self.flow.at(read_path(parent.path)), Foreach):
            return None
        return (parent.item or [])[iteration[-1] - 1]

    def _row(self, new: plan.NewStep) -> StepRun:
        leaf = self.flow.leaf(new.leaf) if new.leaf else None
        block = self._stored(new.block) if new.block else None
        row = StepRun(
            run=self.run, block=block, leaf=new.leaf, path=write_path(new.path), iteration=write_path(new.iteration),
            purpose=StepRun.Purpose.LEAF if new.leaf else StepRun.Purpose.DECIDE,
            mutex=turns.mutex_key(self.run.team_id, leaf.mutex) if leaf else "",
        )  # fmt: skip
        if self.run.state == RunState.PAUSED:
            row.state, row.queue = StepState.WAITING, turns.PAUSED
        return row

    def _take(self, row: StepRun) -> None:
        """The worker that ended the step before holds this one from the start."""
        now = timezone.now()
        row.state, row.owner, row.claim, row.started_at = StepState.RUNNING, self.take_for, 1, now
        row.lease_until = now + LEASE
        self.taken = row

    def _opened_before(self, row: StepRun) -> bool:
        """In a run that was resumed the row may be there: it is made ready again, as a new attempt."""
        there = self.run.steps.filter(path=row.path, iteration=row.iteration, purpose=row.purpose)
        return there.update(state=row.state, queue=row.queue, attempt=F("attempt") + 1, **FRESH) == 1

    def _block_above(self, path: Path, iteration: Iteration) -> Block | None:
        if not path:
            return None
        return self._stored((path[:-1], iteration[: len(self.flow.rounds(path[:-1]))]))

    def _stored(self, place: plan.Place) -> Block:
        if place not in self.blocks:
            found = Block.objects.get(run=self.run, path=write_path(place[0]), iteration=write_path(place[1]))
            self.blocks[place] = found
        return self.blocks[place]

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
        idle.update(state=StepState.CANCELLED, asking=None, wake_at=None, queue="", ended_at=timezone.now())
        self.undo_when_quiet()

    def undo_when_quiet(self) -> None:
        """Once nothing of the run is at work: the steps' own undos, the newest first, one by one; then the traffic."""
        if self.run.live_steps().exists():
            return
        if done := self.next_to_undo():
            row = StepRun(
                run=self.run, leaf=done.leaf, path=done.path, iteration=done.iteration,
                purpose=StepRun.Purpose.COMPENSATE,
            )  # fmt: skip
            if not self._opened_before(row):
                row.save()
            _ring()
        else:
            self.insert_repair(self.run.traffic_before, "put back")

    def next_to_undo(self) -> StepRun | None:
        undoable = [leaf.id for leaf in self.flow.leaves() if leaf.compensate]
        done = self.run.steps.filter(
            purpose=StepRun.Purpose.LEAF, state=StepState.SUCCEEDED, undone=False, leaf__in=undoable
        )
        return done.order_by("-ended_at", "-pk").first() if undoable else None

    def compensated(self, step: StepRun) -> None:
        if step.state == StepState.FAILED:
            self.add_reason(f"{step.title} failed: {step.reason}")
        same = self.run.steps.filter(path=step.path, iteration=step.iteration, purpose=StepRun.Purpose.LEAF)
        same.update(undone=True)
        self.undo_when_quiet()

    def add_reason(self, more: str) -> None:
        self.run.reason = f"{Run.objects.values_list('reason', flat=True).get(pk=self.run.pk)}. {more}"
        Run.objects.filter(pk=self.run.pk).update(reason=self.run.reason)

    def insert_repair(self, weights: Mapping[str, int] | None, why: str) -> None:
        before = self.run.steps.filter(purpose=StepRun.Purpose.UNDO).count()
        StepRun.objects.create(
            run=self.run, purpose=StepRun.Purpose.UNDO, iteration=str(before + 1),
            memory={"weights": weights, "why": why},
        )  # fmt: skip
        _ring()

    def repaired(self, step: StepRun) -> None:
        self.run.refresh_from_db(fields=["reason"])
        if step.state == StepState.FAILED:
            self.run.reason += f" What the run changed could not be put back: {step.reason}"
        if step.memory.get("why") == "resume":
            Run.objects.filter(pk=self.run.pk).update(traffic_reached=None)
            self.recount()
        elif self.run.state == RunState.CANCELLING:
            Release.objects.filter(run=self.run, weight=0, retired_at=None).update(retired_at=timezone.now())
            self._end(RunState.CANCELLED, self.run.reason, "run.cancelled", self.run.reason)
        else:
            self._end(RunState.FAILED, self.run.reason, "run.failed", self.run.reason)

    def recount(self) -> None:
        """Store what the steps that have ended ask for, from nothing else: after a reset, or to repair a run."""
        ended = {place: decision_of(row) for place, row in ended_steps(self.run).items()}
        found = plan.whole(self.flow, ended)
        self._recount_blocks(found.blocks)
        live = {place_of(row) for row in self.run.live_steps()}
        rows = [self._row(self._new_step(place)) for place in sorted(found.due - live)]
        StepRun.objects.bulk_create([row for row in rows if not self._opened_before(row)])
        if not found.due:
            self.succeed()
        _ring()

    def _new_step(self, place: plan.Place) -> plan.NewStep:
        path, iteration = place
        node = self.flow.at(path)
        if isinstance(node, Leaf):
            above = (path[:-1], iteration[: len(self.flow.rounds(path[:-1]))])
            return plan.NewStep(path, iteration, node.id, above if path else None)
        return plan.NewStep(path, iteration, block=(path, iteration[: len(self.flow.rounds(path))]))

    def _recount_blocks(self, wanted: Mapping[plan.Place, plan.OpenBlock]) -> None:
        self.blocks = {(read_path(b.path), read_path(b.iteration)): b for b in self.run.blocks.all()}
        over = [b.pk for place, b in self.blocks.items() if place not in wanted and b.closed_at is None]
        Block.objects.filter(pk__in=over).update(open_children=0, closed_at=timezone.now())
        for place in sorted(wanted, key=lambda p: len(p[0])):
            path, iteration = place
            block = self.blocks.get(place) or Block(
                run=self.run, path=write_path(path), iteration=write_path(iteration)
            )
            row, block.parent, block.closed_at = wanted[place], self._block_above(path, iteration), None
            block.open_children, block.round, block.total = row.open_children, row.round, row.total
            block.item = block.item if row.total is not None else self._item(block.parent, iteration)
            block.save(force_insert=block.pk is None)
            self.blocks[place] = block

    def _end(self, state: RunState, reason: str, kind: str, text: str) -> None:
        now = timezone.now()
        Run.objects.filter(pk=self.run.pk).update(state=state, reason=reason, ended_at=now)
        self.run.ended_at = now
        self.run.state, self.run.reason = state, reason
        self.run.say(kind, text)
