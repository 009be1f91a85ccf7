"""The values that a run's expressions refer to. Only those are read from the database."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.db.models import Q

from engine.definition.expressions import Absent, Expression, ExpressionError, expressions_in, parse, resolve, typed
from engine.definition.flow import Flow, Foreach, Path, Repeat, Sub, read_path, write_path
from engine.models import Block, Run, StepRun
from engine.runs import outputs


def context_for(row: StepRun, expressions: Iterable[Expression]) -> dict[str, Any]:
    """`inputs`, `run`, `deployment`, `each`, and of `steps` those the expressions name, as seen from this step."""
    path = read_path(row.path) + ((1,) if row.purpose == StepRun.Purpose.DECIDE else ())
    return _Place(row.run, path, read_path(row.iteration), row.purpose).context(expressions)


def met(text: str, context: Mapping[str, Any]) -> bool:
    """Whether a condition holds; one that rests on something missing does not."""
    try:
        return bool(parse(text).evaluate(context))
    except Absent:
        return False


def inputs_of(run: Run) -> dict[str, Any]:
    """Every declared input, absent ones as None, each as its type."""
    declared = run.revision.parsed.inputs
    return {name: typed(run.inputs.get(name, spec.default), spec.type) for name, spec in declared.items()}


class _Place:
    """A place in a run's flow, from which names mean something: a step, or a sub-template as a whole."""

    def __init__(self, run: Run, path: Path, iteration: tuple[int, ...], purpose: str = "leaf") -> None:
        self.run, self.flow = run, run.flow
        self.path, self.iteration, self.purpose = path, iteration, purpose

    def context(self, expressions: Iterable[Expression]) -> dict[str, Any]:
        references = {r for e in expressions for r in e.references}
        steps = {r.name for r in references if r.root == "steps"}
        run = self.run
        return {
            "inputs": self.inputs(),
            "run": {"id": run.pk, "started_at": run.started_at.isoformat()},
            "deployment": {"name": run.deployment.name} if run.deployment else {},
            "steps": {name: self.value_of(name) for name in sorted(steps)},
            "each": self.each() if any(r.root == "each" for r in references) else {},
        }

    def inputs(self) -> dict[str, Any]:
        """The run's inputs, or those that the sub-template around this place was given."""
        scope = self.flow.scope(self.path)
        if scope is None:
            return inputs_of(self.run)
        outside = self._around(scope)
        context = outside.context(expressions_in(dict(scope.with_)))
        return {name: _given(scope, name, spec, context) for name, spec in scope.inputs.items()}

    def _around(self, sub: Sub) -> _Place:
        """The place of a sub-template in the flow it stands in."""
        path = self.flow.subs[sub.id]
        return _Place(self.run, path, self.iteration[: len(self.flow.rounds(path))])

    def each(self) -> dict[str, Any]:
        """The item of every foreach around this place, by its name, and the innermost's `index`, counted from 0."""
        outputs: dict[str, Any] = {}
        for depth, loop in enumerate(self.flow.rounds(self.path)):
            node = self.flow.at(loop)
            if isinstance(node, Foreach) and depth < len(self.iteration):
                here = write_path(self.iteration[: depth + 1])
                block = Block.objects.get(run=self.run, path=write_path((*loop, 0)), iteration=here)
                outputs |= {node.name: block.item, "index": self.iteration[depth] - 1}
        return outputs

    def value_of(self, name: str) -> Any:
        """What `steps.NAME` means from here: status, and outputs when it has succeeded; the list, out of a foreach."""
        source = self.flow.source(name, self.path)
        if source is None:
            return {"status": "absent"}
        rounds = seen_rounds(self.flow, self.path, self.iteration, source, self.purpose)
        if rounds is None:
            return {"status": "absent"}
        if isinstance(sub := self.flow.at(source), Sub):
            return self._sub_value(sub, source, rounds)
        return self._leaf_value(source, rounds)

    def _leaf_value(self, source: Path, rounds: tuple[int, ...]) -> Any:
        # Of a compensated or repeated place only what stands counts: the newest of each iteration.
        steps = self.run.steps.filter(path=write_path(source), purpose=StepRun.Purpose.LEAF)
        if rounds:
            text = write_path(rounds)
            steps = steps.filter(Q(iteration=text) | Q(iteration__startswith=f"{text}."))
        inner = [isinstance(self.flow.at(r), Foreach) for r in self.flow.rounds(source)[len(rounds) :]]
        if any(inner):
            rows = sorted(steps.values("state", "outputs", "iteration"), key=lambda r: read_path(r["iteration"]))
            last = {_items(read_path(r["iteration"])[len(rounds) :], inner): r for r in rows}
            return [_step(row) for row in last.values()]
        return _step(steps.order_by("-pk").values("state", "outputs").first())

    def _sub_value(self, sub: Sub, source: Path, rounds: tuple[int, ...]) -> dict[str, Any]:
        if len(rounds) < len(self.flow.rounds(source)):
            return {"status": "absent"}  # of a loop's inside only leaves are seen from outside it
        block = Block.objects.filter(run=self.run, path=write_path(source), iteration=write_path(rounds)).first()
        if block is None or block.closed_at is None:
            return {"status": "absent" if block is None else "running"}
        inside = _Place(self.run, (*source, 1), rounds)  # after all that is in it
        given: dict[str, Any] = {}
        for name, text in sub.outputs.items():
            try:
                given[name] = resolve(text, inside.context(expressions_in(text)))
            except Absent:
                given[name] = None
        return {"status": "succeeded", "outputs": given}


def _given(scope: Sub, name: str, spec: Any, context: dict[str, Any]) -> Any:
    try:
        value = resolve(scope.with_[name], context) if name in scope.with_ else spec.default
    except Absent:
        value = None
    if value is None and not spec.optional and spec.default is None:
        raise ExpressionError(f"{scope.id} needs {name}, which was not given")
    return typed(value, spec.type)


def _items(iteration: tuple[int, ...], foreach: list[bool]) -> tuple[int, ...]:
    """The numbers of an iteration that count items; those that count rounds are left out, so the last round stands."""
    return tuple(number for number, counts in zip(iteration, foreach, strict=False) if counts)


def _step(row: Mapping[str, Any] | None) -> dict[str, Any]:
    if row is None:
        return {"status": "absent"}
    given = {"outputs": outputs.load(row["outputs"])} if row["state"] == "succeeded" else {}
    return {"status": row["state"], **given}


def seen_rounds(
    flow: Flow, reader: Path, iteration: tuple[int, ...], source: Path, purpose: str = "leaf"
) -> tuple[int, ...] | None:
    """The rounds of the loops that hold both: this round's, or the previous one's for an `again` seen from `flow`.

    None: there is no previous round, so what is referred to is absent. Pure.
    """
    shared = [r for r in flow.rounds(source) if reader[: len(r)] == r and len(reader) > len(r)]
    rounds = list(iteration[: len(shared)])
    if shared and isinstance(flow.at(shared[-1]), Repeat):
        innermost = shared[-1]
        in_again = source[len(innermost)] == 1
        asks = purpose == "decide" and reader[:-1] == innermost
        if in_again and (reader[len(innermost)] == 0 or asks):
            rounds[-1] -= 1
            if rounds[-1] == 0:
                return None
    return tuple(rounds)
