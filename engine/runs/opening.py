"""Inserting the rows that follow: blocks and steps of one run, in one transaction."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from engine import doorbell
from engine.definition.flow import Foreach, Path, read_path, write_path
from engine.models import Block, Run, StepRun, prepared
from engine.queue import concurrency
from engine.queue.claims import LEASE
from engine.runs import successors
from engine.runs.recording import FRESH
from engine.runs.successors import Iteration, Opening
from engine.statuses import RunState, StepState


def ring() -> None:
    """Tell the workers after the commit that a step may be ready. A worker that is not told finds it when it polls."""
    transaction.on_commit(doorbell.ring)


class Rows:
    """Of one run. `take_for`: the owner who takes the next step at once."""

    def __init__(self, run: Run, take_for: str = "") -> None:
        self.run = run
        self.flow = run.flow
        self.take_for = take_for
        self.taken: StepRun | None = None
        self.blocks: dict[successors.Place, Block] = {}  # those that this transaction has seen

    def open(self, opened: Opening) -> bool:
        """Insert the rows; False when there are none."""
        for new in opened.blocks:
            self._insert_block(new)
        rows = [self.row(new) for new in opened.steps]
        if self.run.resumed:
            rows = [row for row in rows if not self.opened_before(row)]
        if rows and self.take_for and self.taken is None and not concurrency.slots_of(rows[0]):
            self._take(rows[0])
        if len(rows) == 1:
            prepared.insert(rows[0])
        else:
            StepRun.objects.bulk_create(rows)
        if any(row.state == StepState.READY for row in rows):
            ring()
        return bool(opened)

    def _insert_block(self, new: successors.NewBlock) -> None:
        parent = self.block_above(new.path, new.iteration)
        row: dict[str, Any] = {
            "parent": parent, "open_children": new.open_children, "round": new.round, "closed_at": None, "total": None,
            "item": self.item(parent, new.iteration),
        }  # fmt: skip
        place: dict[str, Any] = {"path": write_path(new.path), "iteration": write_path(new.iteration)}
        if self.run.resumed:  # it may be there, from before
            made, _ = Block.objects.update_or_create(run=self.run, **place, defaults=row)
        else:
            made = prepared.insert(Block(run=self.run, **place, **row))
        self.blocks[new.path, new.iteration] = made

    def item(self, parent: Block | None, iteration: Iteration) -> Any:
        """The item of a foreach that its inner sequence is for."""
        if parent is None or not isinstance(self.flow.at(read_path(parent.path)), Foreach):
            return None
        return (parent.item or [])[iteration[-1] - 1]

    def row(self, new: successors.NewStep) -> StepRun:
        leaf = self.flow.leaf(new.leaf) if new.leaf else None
        block = self._stored(new.block) if new.block else None
        row = StepRun(
            run=self.run, block=block, leaf=new.leaf, path=write_path(new.path), iteration=write_path(new.iteration),
            purpose=StepRun.Purpose.LEAF if new.leaf else StepRun.Purpose.DECIDE,
            mutex=concurrency.mutex_key(self.run.team_id, leaf.mutex) if leaf else "",
        )  # fmt: skip
        if self.run.state == RunState.PAUSED:
            row.state, row.queue = StepState.WAITING, concurrency.PAUSED
        return row

    def _take(self, row: StepRun) -> None:
        """The worker that ended the step before holds this one from the start."""
        now = timezone.now()
        row.state, row.owner, row.claim, row.started_at = StepState.RUNNING, self.take_for, 1, now
        row.lease_until = now + LEASE
        self.taken = row

    def opened_before(self, row: StepRun) -> bool:
        """In a run that was resumed the row may be there: it is made ready again, as a new attempt."""
        there = self.run.steps.filter(path=row.path, iteration=row.iteration, purpose=row.purpose)
        return there.update(state=row.state, queue=row.queue, attempt=F("attempt") + 1, **FRESH) == 1

    def block_above(self, path: Path, iteration: Iteration) -> Block | None:
        if not path:
            return None
        return self._stored((path[:-1], iteration[: len(self.flow.rounds(path[:-1]))]))

    def _stored(self, place: successors.Place) -> Block:
        if place not in self.blocks:
            block = Block.objects.get(run=self.run, path=write_path(place[0]), iteration=write_path(place[1]))
            self.blocks[place] = block
        return self.blocks[place]
