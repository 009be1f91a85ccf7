"""Stores a run's open rows again, computed from its ended steps alone: for resume, and to repair a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models import Q
from django.utils import timezone

from engine.definition.flow import Flow, Leaf, read_path, write_path
from engine.models import Block, Run, StepRun
from engine.runs import successors
from engine.runs.opening import Rows, ring
from engine.statuses import StepState

ORDINARY = (StepRun.Purpose.LEAF, StepRun.Purpose.DECIDE)


def place_of(row: StepRun) -> successors.Place:
    return read_path(row.path), read_path(row.iteration)


def ended_steps(run: Run) -> dict[successors.Place, StepRun]:
    """The steps and decisions that need not run again, by place."""
    over = Q(state__in=(StepState.SUCCEEDED, StepState.SKIPPED, StepState.FAILED))
    rows = run.steps.filter(over, purpose__in=ORDINARY).defer("checkpoint", "answer")
    return {place_of(row): row for row in rows if row.state != StepState.FAILED or goes_on(row)}


def decision_of(row: StepRun) -> Any:
    """What `engine.runs.successors` needs of an ended step: the decision of a question, None for a leaf."""
    if row.purpose != StepRun.Purpose.DECIDE:
        return None
    return next((row.outputs[name] for name in ("branch", "again", "count") if name in row.outputs), None)


def goes_on(step: StepRun) -> bool:
    return step.purpose == StepRun.Purpose.LEAF and step.definition.on_failure == "continue"


def rebuild(rows: Rows) -> bool:
    """Store the blocks and steps that follow from the ended steps, whatever rows there are. False: the run is over."""
    ended = {place: decision_of(row) for place, row in ended_steps(rows.run).items()}
    state = successors.expected(rows.flow, ended)
    _blocks(rows, state.blocks)
    live = {place_of(row) for row in rows.run.live_steps()}
    steps = [rows.row(_new_step(rows.flow, place)) for place in sorted(state.due - live)]
    StepRun.objects.bulk_create([step for step in steps if not rows.opened_before(step)])
    ring()
    return bool(state.due)


def _new_step(flow: Flow, place: successors.Place) -> successors.NewStep:
    path, iteration = place
    node = flow.at(path)
    if isinstance(node, Leaf):
        above = (path[:-1], iteration[: len(flow.rounds(path[:-1]))])
        return successors.NewStep(path, iteration, node.id, above if path else None)
    return successors.NewStep(path, iteration, block=(path, iteration[: len(flow.rounds(path))]))


def _blocks(rows: Rows, wanted: Mapping[successors.Place, successors.OpenBlock]) -> None:
    rows.blocks = {(read_path(b.path), read_path(b.iteration)): b for b in rows.run.blocks.all()}
    over = [b.pk for place, b in rows.blocks.items() if place not in wanted and b.closed_at is None]
    Block.objects.filter(pk__in=over).update(open_children=0, closed_at=timezone.now())
    for place in sorted(wanted, key=lambda p: len(p[0])):  # what is around a block first
        path, iteration = place
        new = Block(run=rows.run, path=write_path(path), iteration=write_path(iteration))
        block = rows.blocks.get(place) or new
        row, block.parent, block.closed_at = wanted[place], rows.block_above(path, iteration), None
        block.open_children, block.round, block.total = row.open_children, row.round, row.total
        block.item = block.item if row.total is not None else rows.item(block.parent, iteration)
        block.save(force_insert=block.pk is None)
        rows.blocks[place] = block
