"""Resume a failed run: run again what failed or was undone, readers of corrected inputs, and what follows them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.db.models import F

from engine.actions.start_run import StartRun
from engine.definition.flow import Flow, Node, Sub
from engine.definition.semantics import expressions_of
from engine.models import Run, StepRun
from engine.runs import transitions
from engine.runs.rebuild import ended_steps, place_of
from engine.runs.successors import Following
from engine.statuses import RunState, StepState
from people.models import User


@dataclass(frozen=True)
class Resume:
    """`inputs` are corrections: those named take the place of what the run was started with."""

    run: Run
    user: User | None = None
    inputs: Mapping[str, Any] = field(default_factory=dict)

    def check(self) -> dict[str, Any]:
        """The corrected inputs that differ, each as its type. Raises NotPossible or Refused."""
        if self.run.state != RunState.FAILED:
            raise transitions.NotPossible(f"run {self.run.pk} has not failed; only a failed run is resumed")
        if gone := self.run.releases.exclude(retired_at=None).first():
            raise transitions.NotPossible(
                f"{gone} of run {self.run.pk} was stopped when a later one went live; start a new run"
            )
        if not self.inputs:
            return {}
        start = StartRun(self.run.revision, self.run.team, self.user, {**self.run.inputs, **self.inputs})
        values = start.check()
        return {name: values.get(name) for name in self.inputs if values.get(name) != self.run.inputs.get(name)}

    def again(self, corrected: Mapping[str, Any] | None = None) -> list[StepRun]:
        """The steps that it would run again, of those that were begun, in that order."""
        return reset_set(self.run, self.check() if corrected is None else corrected)

    def execute(self) -> list[StepRun]:
        """Returns what it runs again. Raises NotPossible or Refused; then nothing has changed."""
        corrected = self.check()
        with transaction.atomic():
            if self.run.deployment:
                transitions.refuse_second(self.run.deployment)
            again = self.again(corrected)
            changes = {"reason": "", "ended_at": None, "resumed": F("resumed") + 1}
            failed = Run.objects.filter(pk=self.run.pk, state=RunState.FAILED)
            inputs = {**self.run.inputs, **corrected}
            if failed.update(state=RunState.RUNNING, inputs=inputs, **changes) != 1:
                raise transitions.NotPossible(f"run {self.run.pk} was resumed by somebody else")
            self._say(again, corrected)
            self.run.refresh_from_db()
            StepRun.objects.filter(pk__in=[step.pk for step in again]).update(state=StepState.CANCELLED)
            transitions.begin_again(self.run)
        return again

    def _say(self, again: list[StepRun], corrected: Mapping[str, Any]) -> None:
        difference = {name: [self.run.inputs.get(name), value] for name, value in corrected.items()}
        names = ", ".join(step.title for step in again[:5]) + (f" and {len(again) - 5} more" if len(again) > 5 else "")
        with_inputs = f" with another {', '.join(corrected)}" if corrected else ""
        who = self.user.name if self.user else "Somebody"
        self.run.say(
            "run.resumed", f"{who} resumed{with_inputs}: {names or 'nothing'} again", actor=self.user, inputs=difference
        )  # fmt: skip


def reset_set(run: Run, corrected: Mapping[str, Any] | None = None) -> list[StepRun]:
    """The steps that resume runs again: failed or undone ones, readers of corrected inputs, and what follows those."""
    rows = list(run.steps.filter(purpose__in=(StepRun.Purpose.LEAF, StepRun.Purpose.DECIDE)))
    stands = ended_steps(run)
    readers = readers_of(run.flow, set(corrected or ()))
    first = {
        place_of(row) for row in rows
        if place_of(row) not in stands or row.undone or place_of(row)[0] in readers
    }  # fmt: skip
    following = Following(run.flow, first)
    return [row for row in rows if place_of(row) in first or place_of(row) in following]


def readers_of(flow: Flow, names: set[str]) -> set[tuple[int, ...]]:
    """The paths of leaves and questions that read one of these inputs; all that is in a sub-template given one."""
    if not names:
        return set()
    readers = {p for p, node in flow.nodes.items() if flow.scope(p) is None and _reads(node, names)}
    subs = {p for p in readers if isinstance(flow.at(p), Sub)}
    return readers | {p for p in flow.nodes if any(p[: len(sub)] == sub for sub in subs)}


def _reads(node: Node, names: set[str]) -> bool:
    references = (reference for expression in expressions_of(node) for reference in expression.references)
    return any(r.root == "inputs" and (r.name in names or not r.name) for r in references)
