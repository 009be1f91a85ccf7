"""What a run says of each step in its drawing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from django.urls import reverse

from engine.drawing import Mark
from engine.flow import Choose, Flow
from engine.models import Revision, Run, StepRun
from engine.statuses import MARKS, RunState


@dataclass(frozen=True)
class Seen:
    """How people did a step before it was a step: how many of how many were seen, how often, how long it took them."""

    people: int
    of: int
    count: int
    took: str = ""


# What a higher room knows of a revision's leaves. The engine knows nothing of evidence; the first that knows answers.
SEEN: list[Callable[[Revision], Mapping[str, Seen]]] = []


def seen_of(revision: Revision) -> Mapping[str, Seen]:
    return next((found for source in SEEN if (found := source(revision))), {})


def marks_of(run: Run, rows: Iterable[StepRun], seen: Mapping[str, Seen]) -> dict[str, Mark]:
    """The newest row of each leaf decides; leaves of branches that were not taken stay unwalked."""
    newest = {row.leaf: row for row in rows if row.purpose == StepRun.Purpose.LEAF}
    return {
        leaf.id: _seen_too(_mark(run, newest[leaf.id]) if leaf.id in newest else Mark(), seen.get(leaf.id))
        for leaf in run.flow.leaves()
    }


def _seen_too(mark: Mark, seen: Seen | None) -> Mark:
    return replace(mark, people=seen.people, of=seen.of, count=seen.count) if seen and seen.people else mark


def _mark(run: Run, row: StepRun) -> Mark:
    state = "going" if row.state == "waiting" and not row.asking else MARKS[row.state]
    rounds = f"round {row.iteration}" if row.iteration not in ("", "1") else ""
    note = "waits for a person" if row.asking else row.note if state == "going" else rounds
    here = row.state in ("running", "waiting", "ready") and not run.ended
    return Mark(state, note=note, href=reverse("run-step", args=[run.pk, row.pk]), current=here)


def finished(run: Run) -> bool:
    return run.state == RunState.SUCCEEDED


def not_taken(flow: Flow, rows: Iterable[StepRun]) -> set[str]:
    """The leaves of branches a choice did not take: they will not be walked any more."""
    skipped: set[str] = set()
    for row in rows:
        node = flow.nodes.get(tuple(int(p) for p in row.path.split(".")) if row.path else ())
        if row.purpose != StepRun.Purpose.DECIDE or not isinstance(node, Choose) or row.state != "succeeded":
            continue
        for index in range(len(node.branches)):
            if index != row.outputs.get("branch"):
                prefix = f"{row.path}.{index}" if row.path else str(index)
                skipped |= {leaf for leaf, p in flow.leaf_paths.items() if _under(".".join(map(str, p)), prefix)}
    return skipped


def _under(path: str, prefix: str) -> bool:
    return path == prefix or path.startswith(f"{prefix}.")
