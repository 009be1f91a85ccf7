"""Whether a document of the right form makes sense: step kinds, their forms, and what expressions refer to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from engine.definition.expressions import ExpressionError, Reference, expressions_in, parse
from engine.definition.flow import Choose, Flow, Foreach, Leaf, Node, Parallel, Path, Repeat, Sub
from engine.definition.structure import MOST_STEPS, Shape
from engine.definition.yaml_text import Place, Problem

if TYPE_CHECKING:
    from engine.definition.reading import Template
    from engine.steps.base import StepKind


class Meaning:
    """What is wrong with a template, in the places where its shape was found."""

    def __init__(self, template: Template, shape: Shape) -> None:
        self.template = template
        self.flow = template.flow
        self.shape = shape

    def problems(self) -> list[Problem]:
        from engine.steps import registry  # the kinds read templates' types too

        kinds = registry()
        for leaf in (*self.own(), *self.template.done):
            place = self.shape.leaf_places[leaf.id]
            self._kind(kinds, leaf, place)
            self._leaf_expressions(leaf, place)
            if leaf.compensate:
                self._kind(kinds, leaf.compensate, (*place, "compensate"))
                self._leaf_expressions(leaf.compensate, (*place, "compensate"), undo=True)
        for leaf in self.template.done:
            if (kind := kinds.get(leaf.uses)) and not kind.is_criterion:
                self.shape.wrong(self.shape.leaf_places[leaf.id], f"{leaf.uses} acts, so it cannot judge what is done")
        self._block_expressions()
        self._outputs()
        if len(self.flow.leaf_paths) > MOST_STEPS:
            self.shape.wrong(("flow",), f"more than {MOST_STEPS:,} steps, with those of the templates it uses")
        return self.shape.problems

    def own(self) -> list[Leaf]:
        """Its leaves without those of the templates it uses, which were checked when they were stored."""
        return [leaf for leaf in self.flow.leaves() if self.flow.scope(self.flow.leaf_paths[leaf.id]) is None]

    def _kind(self, kinds: Mapping[str, StepKind], leaf: Leaf, place: Place) -> None:
        if kind := kinds.get(leaf.uses):
            for message in kind.check(leaf):
                self.shape.wrong((*place, "with"), f"{leaf.id}: {message}")
        else:
            known = ", ".join(sorted(kinds))
            self.shape.wrong((*place, "uses"), f"“{leaf.uses}” is not a step kind; known are {known}")

    def _leaf_expressions(self, leaf: Leaf, place: Place, *, undo: bool = False) -> None:
        path = self.flow.leaf_paths.get(leaf.id)
        try:
            found = [*expressions_in(dict(leaf.with_)), *([parse(leaf.when)] if leaf.when else [])]
        except ExpressionError as error:
            self.shape.wrong(place, f"{leaf.id}: {error}")
            return
        for reference in (r for expression in found for r in expression.references):
            own = undo and reference.root == "steps" and reference.name == leaf.id
            if not own and (message := self._wrong_reference(reference, path)):
                self.shape.wrong(place, f"{leaf.id}: {message}")

    def _outputs(self) -> None:
        """What it gives to others is seen from behind all of its steps."""
        for name, text in self.template.outputs.items():
            try:
                references = [r for expression in expressions_in(text) for r in expression.references]
            except ExpressionError as error:
                self.shape.wrong(("outputs", name), str(error))
                continue
            for message in filter(None, (self._wrong_reference(r, None) for r in references)):
                self.shape.wrong(("outputs", name), message)

    def _block_expressions(self) -> None:
        for path, node in self.flow.nodes.items():
            if self.flow.scope(path) is None:
                # `until` stands after the repeat's own flow; the others before what is in the block.
                reader = (*path, 1) if isinstance(node, Repeat) else path
                for value in _asked_by(node):
                    self._block_expression(value, reader)

    def _block_expression(self, value: Any, reader: Path) -> None:
        try:
            references = [r for expression in expressions_in(value) for r in expression.references]
        except ExpressionError as error:
            self.shape.wrong(("flow",), str(error))
            return
        for message in filter(None, (self._wrong_reference(r, reader) for r in references)):
            self.shape.wrong(("flow",), f"“{value}”: {message}")

    def _wrong_reference(self, reference: Reference, reader: Path | None) -> str | None:
        if reference.root == "inputs" and reference.name not in self.template.inputs:
            return f"there is no input “{reference.name}”"
        if reference.root == "each":
            return self._wrong_item(reference.name, reader or ())
        if reference.root != "steps":
            return None
        source = self.flow.source(reference.name, ())
        if source is None:
            return f"there is no step “{reference.name}”"
        if reader is not None and (why := unreachable(self.flow, reader, source)):
            return f"steps.{reference.name} {why}"
        if reference.rest and self._of_each(source, reader or ()):
            inner = f"steps.{reference.name}.map(s, s.{'.'.join(reference.rest)})"
            return f"{reference.name} runs once for each item, so from here it is a list: {inner}"
        if reference.rest[:1] != ("outputs",) or len(reference.rest) < 2:
            return None
        known = self._outputs_of(self.flow.at(source))
        if known is not None and reference.rest[1] not in known:
            return f"{reference.name} has no output “{reference.rest[1]}”; it has {', '.join(known) or 'none'}"
        return None

    def _of_each(self, source: Path, reader: Path) -> bool:
        """Whether the source stands in a foreach that the reader is not in."""
        loops = [p for p in self.flow.rounds(source) if isinstance(self.flow.at(p), Foreach)]
        return any(reader[: len(p)] != p for p in loops)

    def _outputs_of(self, node: Node) -> Mapping[str, str] | None:
        from engine.steps import registry

        if isinstance(node, Sub):
            return node.outputs
        assert isinstance(node, Leaf)
        kind = registry().get(node.uses)
        return kind.declared_outputs(node) if kind else None

    def _wrong_item(self, name: str, reader: Path) -> str | None:
        loops = [node for p in self.flow.rounds(reader) if isinstance(node := self.flow.at(p), Foreach)]
        known = [node.name for node in loops] + (["index"] if loops else [])
        if name in known:
            return None
        return f"each.{name} is not there: " + (f"known are {', '.join(known)}" if known else "this is in no foreach")


def _asked_by(node: Node) -> list[Any]:
    """The values of a block itself that may hold expressions, conditions in their braces."""
    match node:
        case Choose():
            conditions = [_in_braces(b.when) for b in node.branches if b.when]
            return [*conditions, *(b.on["after"] for b in node.branches if b.on and "after" in b.on)]
        case Repeat():
            return [_in_braces(node.until)] if node.until else []
        case Foreach():
            return [node.items]
        case Sub():
            return [dict(node.with_)]
        case _:
            return []


def _in_braces(text: str) -> str:
    return text if "${{" in text else f"${{{{ {text} }}}}"


def unreachable(flow: Flow, reader: Path, source: Path) -> str | None:
    """Why `reader` cannot see what `source` put out, or None when it can."""
    if reader == source:
        return "is the step itself"
    split = next((i for i, (a, b) in enumerate(zip(reader, source, strict=False)) if a != b), None)
    if split is None:
        return "contains this place" if len(reader) > len(source) else "comes later"
    match flow.at(reader[:split]):
        case Parallel():
            return "runs at the same time, in a parallel branch"
        case Choose():
            return "is on another branch of the same choice"
        case Repeat():
            return None  # flow sees the previous round's again; again and until see this round's flow
        case _:
            return None if source[split] < reader[split] else "comes later"
