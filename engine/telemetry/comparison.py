"""Why one run differs from another: template, inputs, steps, ways taken, times. Reads rows, writes none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from engine.definition import vocabulary
from engine.definition.document import Template
from engine.definition.flow import Branch, Choose, Foreach, Leaf, Node, Repeat, Sub, children, leaves
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
    diff = RunDiff(before, after)
    diff.template = _templates(before, after)
    names = sorted({*before.inputs, *after.inputs})
    diff.inputs = _different(names, "input", before.inputs, after.inputs)
    ours, theirs = _rows(before), _rows(after)
    # In the order the later run walked, then what only the earlier one did.
    for place in [*theirs, *(p for p in ours if p not in theirs)]:
        diff.steps += _steps(place, ours.get(place), theirs.get(place))
    diff.first = diff.steps[0].where if diff.steps else ""
    return diff


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
    differences = [Difference("template", "revision", str(before.revision), str(after.revision))]
    ours, theirs = described(before.revision.parsed), described(after.revision.parsed)
    _drop_unshared(ours, theirs)
    for where in [*theirs, *(name for name in ours if name not in theirs)]:
        differences += _parts(where, ours.get(where), theirs.get(where))
    return differences


def _drop_unshared(ours: dict[str, dict[str, Any]], theirs: dict[str, dict[str, Any]]) -> None:
    """Drop from each block the nodes that only one template has: these are reported themselves; the order remains."""
    for mine, other in ((ours, dict(theirs)), (theirs, dict(ours))):
        for settings in mine.values():
            if HOLDS in settings:
                settings[HOLDS] = [name for name in settings[HOLDS] if name in other]


def _parts(where: str, before: dict[str, Any] | None, after: dict[str, Any] | None) -> list[Difference]:
    if before is None or after is None:
        return [Difference(where, "step", before and before[CALLED], after and after[CALLED])]
    names = [*after, *(name for name in before if name not in after)]
    pairs = ((name, before.get(name), after.get(name)) for name in names if name != CALLED)
    return [Difference(where, name, old, new) for name, old, new in pairs if old != new]


HOLDS = "holds, in this order"
CALLED = "called"  # what a part is called where it is there in one of two templates alone


def described(template: Template) -> dict[str, dict[str, Any]]:
    """A whole template as {part: {key: value}}. A part is a leaf by its id, or a block by its content.

    A value that the document may leave out is there as what its absence means.
    """
    parts: dict[str, dict[str, Any]] = {}
    for name, spec in template.inputs.items():
        parts[f"input {name}"] = {CALLED: name, **_settings_of("input", spec)}
    for name, text in template.outputs.items():
        parts[f"output {name}"] = {CALLED: name, "is": text}
    for path, node in template.flow.nodes.items():
        where, described_node = _node(node)
        parts[_unused(where if path or isinstance(node, Leaf | Sub) else "the flow", parts)] = described_node
    for leaf in template.done:
        where, described_node = _node(leaf)
        parts[_unused(f"done {where}", parts)] = described_node
    return parts


def _unused(where: str, taken: Mapping[str, Any]) -> str:
    """The name, numbered where a block around the same steps has it already."""
    count = sum(name == where or name.startswith(f"{where} #") for name in taken)
    return f"{where} #{count + 1}" if count else where


def _node(node: Node) -> tuple[str, dict[str, Any]]:
    """What a node is called, and what is said of it and of the order of what is in it."""
    if isinstance(node, Leaf):
        undo = _settings_of("undo", node.compensate or Leaf(""), "undo: ")
        return node.id, {CALLED: node.name, **_settings_of("leaf", node, without="compensate"), **undo}
    if isinstance(node, Sub):
        return node.id, {CALLED: node.title or node.template, **_settings_of("template", node)}
    word = type(node).__name__.lower()
    settings: dict[str, Any] = {CALLED: word, HOLDS: [_node(child)[0] for child in children(node)]}
    if isinstance(node, Choose):
        settings |= {f"branch {n}": _branch(branch) for n, branch in enumerate(node.branches, 1)} | {"ask": node.ask}
    elif isinstance(node, Repeat):
        settings |= _settings_of("repeat body", node)
    elif isinstance(node, Foreach):
        settings |= _settings_of("foreach body", node)
    inside = next(leaves(node), None)
    return f"{word} of {inside.id}" if inside else f"empty {word}", settings


def _branch(branch: Branch) -> dict[str, Any]:
    settings = {"label": branch.label, "when": branch.when, **(branch.on or {})}
    return {name: value for name, value in settings.items() if value not in ("", None)}


def _settings_of(part: str, node: Any, prefix: str = "", *, without: str = "") -> dict[str, Any]:
    """The values behind a part's keys. Settings, outputs and limits are told one by one."""
    settings: dict[str, Any] = {}
    for key in vocabulary.options(part):
        value = getattr(node, key.field)
        if key.name in ONE_BY_ONE:
            settings |= {f"{prefix}{ONE_BY_ONE[key.name]} {name}": inner for name, inner in value.items()}
        elif key.name not in ("id", "evidence", without):
            settings[f"{prefix}{key.name}"] = value
    return settings


ONE_BY_ONE = {"with": "setting", "outputs": "output", "limits": "limit"}


def _steps(place: str, before: StepRun | None, after: StepRun | None) -> list[Difference]:
    if before is None or after is None:
        return [Difference(place, "state", before and str(before.state), after and str(after.state))]
    differences = [
        Difference(place, what, getattr(before, what), getattr(after, what))
        for what in ("state", "attempt", "reason") if getattr(before, what) != getattr(after, what)
    ]  # fmt: skip
    keys = sorted({*before.outputs, *after.outputs})
    outputs = _different(keys, "", before.outputs, after.outputs)
    differences += [Difference(place, f"output {d.where}", d.before, d.after) for d in outputs]
    return differences + _times(place, before, after)


def _times(place: str, before: StepRun, after: StepRun) -> list[Difference]:
    mine, other = before.seconds, after.seconds
    if mine is None or other is None or abs(mine - other) < NOTABLE or max(mine, other) < SLOWER * min(mine, other):
        return []
    return [Difference(place, "took", round(mine, 3), round(other, 3))]
