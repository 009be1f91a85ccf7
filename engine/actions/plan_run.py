"""Plan: what a run would do, step by step. Its target refuses every write."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engine.actions.start_run import StartRun
from engine.definition.expressions import ExpressionError, resolve
from engine.definition.flow import Flow, Sub
from engine.models import Deployment, Target
from engine.steps.base import Planning
from engine.steps.catalogue import kind_of
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
    flow = start.revision.parsed.flow
    outermost = {name: values.get(name) for name in start.revision.parsed.inputs}
    lines = []
    for leaf in flow.leaves():
        context = _context(flow, flow.scope(flow.leaf_paths[leaf.id]), outermost)
        planning: Planning[Any] = Planning(leaf, _known(leaf.with_, context), target, start.name, deployment)
        changes = kind_of(leaf).plan(planning)
        lines += [PlannedChange(leaf.name, change.verb, change.what, change.detail) for change in changes]
    return lines


def _context(flow: Flow, scope: Sub | None, outermost: dict[str, Any]) -> dict[str, Any]:
    """The values known before the run: its inputs; in a sub-template, the inputs it is given."""
    inputs = outermost
    if scope:
        outside = _context(flow, flow.scope(flow.subs[scope.id]), outermost)
        inputs = {name: spec.default for name, spec in scope.inputs.items()} | _known(scope.with_, outside)
    return {"inputs": inputs, "steps": {}, "run": {}}


def _known(values: Mapping[str, Any], context: dict[str, Any]) -> dict[str, Any]:
    """The settings as far as their expressions can be evaluated before the run."""
    known: dict[str, Any] = {}
    for key, value in values.items():
        try:
            known[key] = resolve(value, context)
        except ExpressionError:
            continue
    return known
