"""Plan: what a run would do, step by step. Another code path: its target refuses every write that would last."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from engine.actions.start_run import StartRun
from engine.expressions import ExpressionError, resolve
from engine.flow import Leaf
from engine.models import Deployment, Target
from engine.steps import registry
from engine.steps.base import Planning
from engine.targets.readonly import ReadOnlyTarget


@dataclass(frozen=True)
class PlannedChange:
    """One line of a plan."""

    step: str
    verb: str
    what: str
    detail: str = ""


def plan(start: StartRun) -> list[PlannedChange]:
    """What starting this would do, in the flow's order; writes nothing. Raises Refused like the start itself."""
    values = start.check()
    deployment = Deployment.objects.there().filter(team=start.team, name=start.name).first()
    kind = start.target or Target.objects.filter(team=start.team).first() or Target(team=start.team, kind="local")
    target = ReadOnlyTarget(kind.connect())
    context = {"inputs": {name: values.get(name) for name in start.revision.parsed.inputs}, "steps": {}, "run": {}}
    lines = []
    for leaf in start.revision.parsed.flow.leaves():
        planning: Planning[Any] = Planning(leaf, _known(leaf, context), target, start.name, deployment)
        changes = registry()[leaf.uses].plan(planning)
        lines += [PlannedChange(leaf.name, change.verb, change.what, change.detail) for change in changes]
    return lines


def _known(leaf: Leaf, context: dict[str, Any]) -> dict[str, Any]:
    """The settings as far as they can be answered before the run."""
    known: dict[str, Any] = {}
    for key, value in leaf.with_.items():
        try:
            known[key] = resolve(value, context)
        except ExpressionError:
            continue
    return known
