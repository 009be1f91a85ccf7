"""What follows from the end of a step: for the blocks around it, for its run, and for the undoing of a failed run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models import F
from django.utils import timezone

from engine.definition.flow import Choose, Foreach, Parallel, Path, Repeat, Sequence, read_path
from engine.models import Block, Release, Run, StepRun, prepared
from engine.runs import successors
from engine.runs.opening import Rows, ring
from engine.runs.rebuild import goes_on, rebuild
from engine.runs.successors import Iteration, Opening
from engine.statuses import ENDING_RUNS, RunState, StepState


class RunProgress(Rows):
    """The walk of one transaction over one run's rows: what the end of a step means for its blocks and its run."""

    # --- after a step ---

    def ended(self, step: StepRun) -> None:
        if step.purpose == StepRun.Purpose.UNDO:
            self.repaired(step)
        elif step.purpose == StepRun.Purpose.COMPENSATE:
            self.compensated(step)
        elif self.run.state in ENDING_RUNS:
            self.undo_when_quiet()
        elif step.state == StepState.FAILED and not goes_on(step):
            self.fail(f"{step.title}: {step.reason}")
        elif step.purpose == StepRun.Purpose.DECIDE:
            self.decided(step)
        else:
            self.child_done(step.block, read_path(step.path))

    def child_done(self, block: Block | None, child: Path) -> None:
        """A child of this block has ended. Open what follows, or close the block and go on with its parent."""
        while block is not None:
            self.blocks[read_path(block.path), read_path(block.iteration)] = block
            if self._goes_on_inside(block, child[-1]):
                return
            prepared.update(Block, {"id": block.pk}, {"open_children": 0, "closed_at": timezone.now()})
            child = read_path(block.path)
            block = Block.objects.get(pk=block.parent_id) if block.parent_id else None
        self.succeed()

    def _goes_on_inside(self, block: Block, index: int) -> bool:
        """Open what follows a child inside its block; False when the block is over."""
        path, iteration = read_path(block.path), read_path(block.iteration)
        match self.flow.at(path):
            case Sequence():
                return self.open(successors.following(self.flow, path, index, iteration))
            case Parallel():
                # Decrement and read are one transaction and writers queue, so exactly one child finds that it was the
                # last.
                Block.objects.filter(pk=block.pk).update(open_children=F("open_children") - 1)
                block.refresh_from_db(fields=["open_children"])
                return block.open_children > 0
            case Foreach():
                return self.next_item(block, path, iteration)
            case Repeat() if index == 0:
                return self.open(successors.decision(path, iteration, block.round))
            case Repeat():
                return self.next_round(block, successors.round_of(self.flow, path, iteration, block.round + 1))
            case _:
                return False

    def next_item(self, block: Block, path: Path, iteration: Iteration) -> bool:
        """An item of a foreach has ended: open the next one."""
        Block.objects.filter(pk=block.pk).update(open_children=F("open_children") - 1)
        block.refresh_from_db(fields=["open_children", "round", "total", "item"])
        if block.round < (block.total or 0):
            Block.objects.filter(pk=block.pk).update(round=block.round + 1)
            self.open(successors.items_of(self.flow, path, iteration, [block.round + 1]))
        return block.open_children > 0

    def items(self, block: Block, node: Foreach, items: list[Any]) -> None:
        """The items of a foreach are known: open as many as may run at once."""
        path, iteration = read_path(block.path), read_path(block.iteration)
        first, block.item = min(len(items), node.max_parallel), items
        Block.objects.filter(pk=block.pk).update(
            open_children=len(items), round=first, total=len(items), item=items
        )  # fmt: skip
        self.blocks[path, iteration] = block
        if not self.open(successors.items_of(self.flow, path, iteration, range(1, first + 1))):
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
            if chosen is None or not self.open(
                successors.opening(self.flow, (*path, chosen), iteration, (path, iteration))
            ):
                self.child_done(block, (*path, 0))
        elif not step.outputs.get("again"):
            self.close(block)
        else:
            opened = successors.again_of(self.flow, path, iteration, block.round)
            if opened.steps[0].iteration[: len(iteration) + 1] == (*iteration, block.round + 1):
                self.next_round(block, opened)
            else:
                self.open(opened)

    def close(self, block: Block) -> None:
        Block.objects.filter(pk=block.pk).update(open_children=0, closed_at=timezone.now())
        parent = Block.objects.get(pk=block.parent_id) if block.parent_id else None
        self.child_done(parent, read_path(block.path)) if parent else self.succeed()

    # --- the end of a run ---

    def succeed(self) -> None:
        self._end(RunState.SUCCEEDED, "", "run.succeeded", "Every step is done")
        if self.run.deployment:
            self.run.deployment.changed()

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
        """When no step of the run is executing, open the next undo, newest step first; at last put the traffic back."""
        if self.run.live_steps().exists():
            return
        if done := self.next_to_undo():
            row = StepRun(
                run=self.run, leaf=done.leaf, path=done.path, iteration=done.iteration,
                purpose=StepRun.Purpose.COMPENSATE,
            )  # fmt: skip
            if not self.opened_before(row):
                row.save()
            ring()
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
            checkpoint={"weights": weights, "why": why},
        )  # fmt: skip
        ring()

    def repaired(self, step: StepRun) -> None:
        self.run.refresh_from_db(fields=["reason"])
        if step.state == StepState.FAILED:
            self.run.reason += f" What the run changed could not be put back: {step.reason}"
        if step.checkpoint.get("why") == "resume":
            Run.objects.filter(pk=self.run.pk).update(traffic_reached=None)
            self.rebuild()
        elif self.run.state == RunState.CANCELLING:
            Release.objects.filter(run=self.run, weight=0, retired_at=None).update(retired_at=timezone.now())
            self._end(RunState.CANCELLED, self.run.reason, "run.cancelled", self.run.reason)
        else:
            self._end(RunState.FAILED, self.run.reason, "run.failed", self.run.reason)

    def rebuild(self) -> None:
        """Store the open rows again, computed from the ended steps alone."""
        if not rebuild(self):
            self.succeed()

    def _end(self, state: RunState, reason: str, kind: str, text: str) -> None:
        now = timezone.now()
        prepared.update(Run, {"id": self.run.pk}, {"state": state, "reason": reason, "ended_at": now})
        self.run.ended_at = now
        self.run.state, self.run.reason = state, reason
        self.run.say(kind, text)
