"""Step kinds for the tests: they count what they do, and fail, wait or answer as they are told."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from engine import steps
from engine.outcomes import Failed, Outcome, Poll, Succeeded
from engine.steps.base import Form, Planning, Step, StepKind
from engine.targets.base import Change, TargetError

DONE: Counter[str] = Counter()  # how often each leaf, at each iteration, really ran
TROUBLED: dict[str, int] = {}  # leaf -> how many more times its target is in trouble; -1 for ever
FAILING: dict[str, int] = {}  # leaf -> how many more times it fails; -1 for ever


class ProbeForm(Form):
    value: Any = None
    temporary: bool = False
    later: bool = False


class Probe(StepKind):
    name = "test.probe"
    form = ProbeForm
    outputs = {"value": "json", "number": "number"}
    is_criterion = True
    words = {"plain": {"title": "Probe", "does": "Counts that it ran.", "purpose": "try"}}

    def run(self, step: Step[ProbeForm]) -> Outcome:
        leaf = step.leaf.id
        if step.form.later:
            return Poll(0, "still at it")
        if TROUBLED.get(leaf, 0):
            TROUBLED[leaf] -= 1
            raise TargetError("the target does not answer", temporary=True)
        if FAILING.get(leaf, 0):
            FAILING[leaf] -= 1
            return Failed(f"{leaf} was told to fail", temporary=step.form.temporary)
        DONE[f"{leaf}[{step.row.iteration}]"] += 1
        value = step.form.value
        return Succeeded({"value": value, "number": value if isinstance(value, int | float) else None}, "probed")

    def plan(self, planning: Planning[Any]) -> list[Change]:
        return [Change("nothing", planning.leaf.name)]


def hand_in(kinds: dict[str, StepKind], patch: pytest.MonkeyPatch) -> None:
    """These are the step kinds until `patch` is undone. The product's own registry stays as it is."""
    patch.setattr(steps, "shipped", lambda: kinds)


def install(patch: pytest.MonkeyPatch | None = None) -> None:
    """The product's kinds and the probe; without `patch` for the rest of the process."""
    hand_in({**steps.registry(), Probe.name: Probe()}, patch or pytest.MonkeyPatch())
    forget()


def forget() -> None:
    DONE.clear()
    FAILING.clear()
    TROUBLED.clear()
