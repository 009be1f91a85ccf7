"""What an expression of a run can see. Only what is referred to is read."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db.models import Q

from engine.expressions import Expression, typed
from engine.flow import Flow, Path, Repeat, read_path, write_path
from engine.models import Run, StepRun


def context_for(row: StepRun, expressions: Iterable[Expression]) -> dict[str, Any]:
    """`inputs`, `run`, `deployment`, and of `steps` those that the expressions name, as seen from this step."""
    names = {r.name for e in expressions for r in e.references if r.root == "steps"}
    return {
        "inputs": inputs_of(row.run),
        "run": {"id": row.run_id, "started_at": row.run.started_at.isoformat()},
        "deployment": {"name": row.run.deployment.name} if row.run.deployment else {},
        "steps": {name: _seen(row, name) for name in sorted(names)},
    }


def inputs_of(run: Run) -> dict[str, Any]:
    """Every declared input, absent ones as None, each as its type."""
    declared = run.revision.parsed.inputs
    return {name: typed(run.inputs.get(name, spec.default), spec.type) for name, spec in declared.items()}


def _seen(row: StepRun, name: str) -> dict[str, Any]:
    """What `steps.NAME` means from this step: status, and outputs when it has succeeded."""
    flow = row.run.flow
    path = read_path(row.path) + ((1,) if row.purpose == StepRun.Purpose.DECIDE else ())
    rounds = seen_rounds(flow, path, read_path(row.iteration), flow.leaf_paths[name], row.purpose)
    if rounds is None:
        return {"status": "absent"}
    steps = row.run.steps.filter(leaf=name)
    if rounds:
        text = write_path(rounds)
        steps = steps.filter(Q(iteration=text) | Q(iteration__startswith=f"{text}."))
    found = steps.order_by("-pk").values("state", "outputs").first()
    if found is None:
        return {"status": "absent"}
    outputs = {"outputs": found["outputs"]} if found["state"] == "succeeded" else {}
    return {"status": found["state"], **outputs}


def seen_rounds(
    flow: Flow, reader: Path, iteration: tuple[int, ...], source: Path, purpose: str = "leaf"
) -> tuple[int, ...] | None:
    """The rounds of the repeats that hold both: this round's, or the previous one's for an `again` seen from `flow`.

    None: there is no previous round, so what is referred to is absent. Pure.
    """
    shared = [r for r in flow.rounds(source) if reader[: len(r)] == r and len(reader) > len(r)]
    rounds = list(iteration[: len(shared)])
    if shared:
        innermost = shared[-1]
        assert isinstance(flow.at(innermost), Repeat)
        in_again = source[len(innermost)] == 1
        asks = purpose == "decide" and reader[:-1] == innermost
        if in_again and (reader[len(innermost)] == 0 or asks):
            rounds[-1] -= 1
            if rounds[-1] == 0:
                return None
    return tuple(rounds)
