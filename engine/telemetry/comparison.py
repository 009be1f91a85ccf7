"""Why did this run differ from that one: template, inputs, steps, ways taken, times. Pure but for reading the rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from engine.definition.flow import Leaf
from engine.models import Run, StepRun

SLOWER = 2.0  # a step that took so many times as long differs, if it also took
NOTABLE = 1.0  # so many seconds longer


@dataclass(frozen=True)
class Difference:
    """One thing that is not the same. `where` is a leaf's id, an input's name or a word; None: not there at all."""

    where: str
    what: str  # state, attempt, output NAME, note, took, setting NAME …
    before: Any = None
    after: Any = None


@dataclass
class RunDiff:
    """What differs, by kind; `first` is the earliest step that went another way, where the search begins."""

    before: Run
    after: Run
    template: list[Difference] = field(default_factory=list)
    inputs: list[Difference] = field(default_factory=list)
    steps: list[Difference] = field(default_factory=list)
    first: str = ""

    def __bool__(self) -> bool:
        return bool(self.template or self.inputs or self.steps)


def compare(before: Run, after: Run) -> RunDiff:
    found = RunDiff(before, after)
    found.template = _templates(before, after)
    names = sorted({*before.inputs, *after.inputs})
    found.inputs = _different(names, "input", before.inputs, after.inputs)
    ours, theirs = _rows(before), _rows(after)
    # In the order the later run walked, then what only the earlier one did.
    for place in [*theirs, *(p for p in ours if p not in theirs)]:
        found.steps += _steps(place, ours.get(place), theirs.get(place))
    found.first = found.steps[0].where if found.steps else ""
    return found


def _rows(run: Run) -> dict[str, StepRun]:
    rows = run.steps.exclude(purpose=StepRun.Purpose.UNDO).order_by("started_at", "pk")
    return {_place(row): row for row in rows}


def _place(row: StepRun) -> str:
    name = row.leaf or f"{row.get_purpose_display().lower()} {row.path}"
    name += f"[{row.iteration}]" if row.iteration else ""
    return f"undo of {name}" if row.purpose == StepRun.Purpose.COMPENSATE else name


def _different(names: list[str], what: str, before: Any, after: Any) -> list[Difference]:
    pairs = ((name, before.get(name), after.get(name)) for name in names)
    return [Difference(name, what, old, new) for name, old, new in pairs if old != new]


def _templates(before: Run, after: Run) -> list[Difference]:
    if before.revision_id == after.revision_id:
        return []
    found = [Difference("template", "revision", str(before.revision), str(after.revision))]
    ours = {leaf.id: leaf for leaf in before.flow.leaves()}
    theirs = {leaf.id: leaf for leaf in after.flow.leaves()}
    for name in [*theirs, *(n for n in ours if n not in theirs)]:
        found += _leaves(name, ours.get(name), theirs.get(name))
    return found


def _leaves(name: str, before: Leaf | None, after: Leaf | None) -> list[Difference]:
    if before is None or after is None:
        return [Difference(name, "step", before and before.name, after and after.name)]
    settings = [
        f
        for f in ("uses", "when", "retries", "timeout", "on_failure", "mutex")
        if getattr(before, f) != getattr(after, f)
    ]
    found = [Difference(name, f, getattr(before, f), getattr(after, f)) for f in settings]
    keys = sorted({*before.with_, *after.with_})
    return found + [
        Difference(name, f"setting {d.where}", d.before, d.after)
        for d in _different(keys, "", before.with_, after.with_)
    ]


def _steps(place: str, before: StepRun | None, after: StepRun | None) -> list[Difference]:
    if before is None or after is None:
        return [Difference(place, "state", before and str(before.state), after and str(after.state))]
    found = [
        Difference(place, what, getattr(before, what), getattr(after, what))
        for what in ("state", "attempt", "reason") if getattr(before, what) != getattr(after, what)
    ]  # fmt: skip
    keys = sorted({*before.outputs, *after.outputs})
    outputs = _different(keys, "", before.outputs, after.outputs)
    found += [Difference(place, f"output {d.where}", d.before, d.after) for d in outputs]
    return found + _times(place, before, after)


def _times(place: str, before: StepRun, after: StepRun) -> list[Difference]:
    one, other = before.seconds, after.seconds
    if one is None or other is None or abs(one - other) < NOTABLE or max(one, other) < SLOWER * min(one, other):
        return []
    return [Difference(place, "took", round(one, 3), round(other, 3))]
