"""What a run says of each step in its drawing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from django.urls import reverse

from engine.definition.drawing import Mark
from engine.definition.flow import Choose, Flow, Path, read_path, write_path
from engine.models import Revision, Run, StepRun
from engine.queue.concurrency import PAUSED
from engine.statuses import LIVE_STEPS, MARKS, RunState, StepState
from engine.views import wording
from engine.views.step_list import HEAVY, Tally, address, totals_of
from engine.views.watched import Watched

MOST_DECIDED = 1000  # questions that are looked through for ways that were not taken

# Functions of higher rooms that know who was watched at a revision's leaves. The first that knows anything is used.
WATCHED: list[Callable[[Revision], Mapping[str, Watched]]] = []


def watched_of(revision: Revision) -> Mapping[str, Watched]:
    return next((watched for source in WATCHED if (watched := source(revision))), {})


def marks_of(run: Run, counted: Tally, watched: Mapping[str, Watched]) -> dict[str, Mark]:
    """The mark of each leaf: from its newest row, in a foreach from all. Leaves of branches not taken stay unwalked."""
    newest = {row.leaf: row for row in run.steps.filter(pk__in=list(counted.newest.values())).defer(*HEAVY)}
    totals = totals_of(run, newest.values())
    return {
        leaf.id: _with_people(
            _mark(run, newest[leaf.id], counted, totals) if leaf.id in newest else Mark(), watched.get(leaf.id)
        )
        for leaf in run.flow.leaves()
    }


def _with_people(mark: Mark, watched: Watched | None) -> Mark:
    return (
        replace(mark, people=watched.people, of=watched.of, count=watched.count) if watched and watched.people else mark
    )


def _mark(run: Run, row: StepRun, counted: Tally, totals: wording.Totals) -> Mark:
    if wording.in_foreach(run.flow, row.path):
        return _mark_of_items(run, row, counted, totals)
    state = wording.mark(row, MARKS)
    where = wording.place(run.flow, row, totals)
    note = _now(row) or (row.note if state == "going" else where)
    href = reverse("run-step", args=[run.pk, row.pk])
    return Mark(state, note=note, href=href, current=row.state in LIVE_STEPS and not run.ended)


def _now(row: StepRun) -> str:
    """Why a step that could execute does not, in a few words."""
    if wording.held(row):
        return "waits for its turn" if row.queue and row.queue != PAUSED else "paused"
    if row.asking:
        return "waits for an event" if row.asks and row.asks.by == ("nobody",) else "waits for a person"
    return "undone" if row.undone else "tries again" if wording.retrying(row) else ""


def _mark_of_items(run: Run, row: StepRun, counted: Tally, totals: wording.Totals) -> Mark:
    """All items together: how many of them are over."""
    states = counted.of[row.leaf]
    live = sum(states.get(state, 0) for state in LIVE_STEPS)
    begun = counted.total(row.leaf)
    loops = run.flow.rounds(read_path(row.path))
    total = totals.get((write_path(loops[0]), ""), begun) if len(loops) == 1 else begun
    if states.get(StepState.FAILED):
        state = "failed"
    elif live or (begun < total and not run.ended):
        state = "waiting" if row.asking else "going"
    else:
        state = "done" if states.get(StepState.SUCCEEDED) else "quiet"
    href = address(run, step=row.leaf) if begun > 1 else reverse("run-step", args=[run.pk, row.pk])
    return Mark(state, note=f"{begun - live:,} of {total:,}", href=href, current=bool(live) and not run.ended)


def finished(run: Run) -> bool:
    return run.state == RunState.SUCCEEDED


def not_taken(run: Run) -> set[str]:
    """The leaves of branches that a choice did not take."""
    skipped: set[str] = set()
    decided = run.steps.filter(purpose=StepRun.Purpose.DECIDE, state=StepState.SUCCEEDED)
    for path, outputs in decided.values_list("path", "outputs")[:MOST_DECIDED]:
        node = None if wording.in_foreach(run.flow, path) else run.flow.nodes.get(read_path(path))
        for index in range(len(node.branches)) if isinstance(node, Choose) else ():
            if index != outputs.get("branch"):
                skipped |= _under(run.flow, (*read_path(path), index))
    return skipped


def _under(flow: Flow, above: Path) -> set[str]:
    return {leaf for leaf, path in flow.leaf_paths.items() if path[: len(above)] == above}
