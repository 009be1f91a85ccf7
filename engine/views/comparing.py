"""/runs/A/compare/B/: why run A differs from run B."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from engine.definition.flow import read_path
from engine.models import Run, StepRun
from engine.statuses import StepState
from engine.telemetry.comparison import Difference, compare
from engine.views import wording
from people.access import fetch, me

SHOWN = 200  # differences, and steps side by side


@dataclass(frozen=True)
class Shown:
    """One difference, its place in words."""

    where: str
    what: str
    before: Any
    after: Any


@login_required
def comparison(request: HttpRequest, pk: int, other: int) -> HttpResponse:
    rows = Run.objects.select_related("revision__template", "deployment", "team", "started_by")
    after, before = (fetch(me(request), rows, pk=number) for number in (pk, other))
    diff = compare(before, after)
    first = next((d for d in diff.steps if d.what != "took"), None)
    times = _times(before, after)
    context = {
        "before": before, "after": after, "pair": (before, after), "found": diff,
        "first": _shown(first, after, before) if first else None,
        "template": [_shown(d, after, before) for d in diff.template[:SHOWN]],
        "inputs": diff.inputs,
        "steps": [_shown(d, after, before) for d in diff.steps[:SHOWN]],
        "steps_more": max(0, len(diff.steps) - SHOWN),
        "times": times[:SHOWN], "times_more": max(0, len(times) - SHOWN),
    }  # fmt: skip
    return render(request, "engine/compare.html", context)


def _shown(difference: Difference, *runs: Run) -> Shown:
    values = [_state(value) if difference.what == "state" else value for value in (difference.before, difference.after)]
    return Shown(in_either(difference.where, *runs), difference.what, values[0], values[1])


def _state(value: Any) -> Any:
    return StepState(value).label if value in StepState.values else value


def in_either(where: str, *runs: Run) -> str:
    """A place in the words of the first run whose flow has it."""
    return next((words for run in runs if (words := place_in_words(run, where)) != where), where)


def place_in_words(run: Run, where: str) -> str:
    """“Match features, item 3” for `parity[3]`; what is no step of this run's flow stays as it is."""
    name, _, rest = where.partition("[")
    undo, name = ("Undo", name.removeprefix("undo of ")) if name.startswith("undo of ") else ("", name)
    iteration = rest.rstrip("]")
    if name.startswith("decide"):
        path = name.removeprefix("decide").strip()
        return _with(wording.question(run.flow, path), wording.where(run.flow, read_path(path), iteration))
    if name not in run.flow.leaf_paths:
        return where
    title = (f"{undo} " if undo else "") + run.flow.leaf(name).name
    return _with(title, wording.where(run.flow, run.flow.leaf_paths[name], iteration))


def _with(title: str, where: str) -> str:
    return f"{title}, {where}" if where else title


@dataclass(frozen=True)
class Took:
    """How long one step took in each; None: it did not come to it there."""

    where: str
    before: float | None
    after: float | None


def _times(before: Run, after: Run) -> list[Took]:
    ours, theirs = _leaf_times(before), _leaf_times(after)
    places: Iterable[tuple[str, str]] = dict.fromkeys([*theirs, *ours])
    return [
        Took(in_either(f"{leaf}[{it}]" if it else leaf, after, before), ours.get((leaf, it)), theirs.get((leaf, it)))
        for leaf, it in places
    ]


def _leaf_times(run: Run) -> dict[tuple[str, str], float | None]:
    rows = run.steps.filter(purpose=StepRun.Purpose.LEAF).order_by("started_at", "pk")
    times = rows.values_list("leaf", "iteration", "started_at", "ended_at")
    return {(leaf, it): (end - start).total_seconds() if start and end else None for leaf, it, start, end in times}
