"""Whether a document of the right form makes sense: step kinds, their settings, and what expressions refer to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from engine.definition.document import Template
from engine.definition.expressions import Expression, ExpressionError, Reference, expressions_in, parse
from engine.definition.flow import Choose, Flow, Foreach, Leaf, Node, Parallel, Path, Repeat, Sequence, Sub
from engine.definition.structure import Structure
from engine.definition.vocabulary import MOST_STEPS
from engine.definition.yaml_text import Place, Problem


class Kind(Protocol):
    """The part of a step kind that the checks need."""

    @property
    def is_criterion(self) -> bool: ...

    def check(self, leaf: Leaf) -> list[str]: ...

    def declared_outputs(self, leaf: Leaf) -> Mapping[str, str] | None: ...


class Semantics:
    """The problems of a template whose structure is right, each with its place in the document."""

    def __init__(self, template: Template, kinds: Mapping[str, Kind], structure: Structure) -> None:
        self.template = template
        self.flow = template.flow
        self.kinds = kinds
        self.structure = structure

    def problems(self) -> list[Problem]:
        for leaf in (*self.own(), *self.template.done):
            place = self._place(leaf)
            self._kind(leaf, place)
            self._leaf_expressions(leaf, place)
            if leaf.compensate:
                self._kind(leaf.compensate, (*place, "compensate"))
                self._leaf_expressions(leaf.compensate, (*place, "compensate"), undo=True)
        for leaf in self.template.done:
            if (kind := self.kinds.get(leaf.uses)) and not kind.is_criterion:
                self.structure.wrong(self._place(leaf), f"{leaf.uses} changes something, so it cannot be a criterion")
        self._block_expressions()
        self._outputs()
        for path, node in self.flow.nodes.items():
            if isinstance(node, Sub) and node.flow == Sequence() and self.flow.scope(path) is None:
                self.structure.wrong(("flow",), f"the template {node.template} used at “{node.id}” is gone")
        if len(self.flow.leaf_paths) > MOST_STEPS:
            self.structure.wrong(("flow",), f"more than {MOST_STEPS:,} steps, with those of the templates it uses")
        return self.structure.problems

    def _place(self, leaf: Leaf) -> Place:
        return self.structure.leaf_places.get(leaf.id, ("flow",))

    def own(self) -> list[Leaf]:
        """Its leaves without those of the templates it uses, which were checked when they were stored."""
        return [leaf for leaf in self.flow.leaves() if self.flow.scope(self.flow.leaf_paths[leaf.id]) is None]

    def _kind(self, leaf: Leaf, place: Place) -> None:
        if kind := self.kinds.get(leaf.uses):
            for message in kind.check(leaf):
                self.structure.wrong((*place, "with"), f"{leaf.id}: {message}")
        else:
            known = ", ".join(sorted(self.kinds))
            self.structure.wrong((*place, "uses"), f"“{leaf.uses}” is not a step kind; known are {known}")

    def _leaf_expressions(self, leaf: Leaf, place: Place, *, undo: bool = False) -> None:
        path = self.flow.leaf_paths.get(leaf.id)
        try:
            expressions = expressions_of(leaf)
        except ExpressionError as error:
            self.structure.wrong(place, f"{leaf.id}: {error}")
            return
        for reference in (r for expression in expressions for r in expression.references):
            own = undo and reference.root == "steps" and reference.name == leaf.id
            if not own and (message := self._wrong_reference(reference, path)):
                self.structure.wrong(place, f"{leaf.id}: {message}")

    def _outputs(self) -> None:
        """What it gives to others is seen from behind all of its steps."""
        for name, text in self.template.outputs.items():
            try:
                references = [r for expression in expressions_in(text) for r in expression.references]
            except ExpressionError as error:
                self.structure.wrong(("outputs", name), str(error))
                continue
            for message in filter(None, (self._wrong_reference(r, None) for r in references)):
                self.structure.wrong(("outputs", name), message)

    def _block_expressions(self) -> None:
        for path, node in self.flow.nodes.items():
            if isinstance(node, Leaf) or self.flow.scope(path) is not None:
                continue
            # `until` stands after the repeat's own flow; the others before what is in the block.
            reader = (*path, 1) if isinstance(node, Repeat) else path
            try:
                expressions = expressions_of(node)
            except ExpressionError as error:
                self.structure.wrong(("flow",), str(error))
                continue
            for expression in expressions:
                for message in filter(None, (self._wrong_reference(r, reader) for r in expression.references)):
                    self.structure.wrong(("flow",), f"“{expression.text}”: {message}")

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
        if isinstance(node, Sub):
            return node.outputs
        assert isinstance(node, Leaf)
        kind = self.kinds.get(node.uses)
        return kind.declared_outputs(node) if kind else None

    def _wrong_item(self, name: str, reader: Path) -> str | None:
        loops = [node for p in self.flow.rounds(reader) if isinstance(node := self.flow.at(p), Foreach)]
        known = [node.name for node in loops] + (["index"] if loops else [])
        if name in known:
            return None
        return f"each.{name} is not there: " + (f"known are {', '.join(known)}" if known else "this is in no foreach")


def expressions_of(node: Node) -> list[Expression]:
    """Every expression that a node itself holds, parsed; not those of what is in it. Raises ExpressionError."""
    match node:
        case Leaf():
            values, conditions = [dict(node.with_)], [node.when]
        case Choose():
            values = [dict(branch.on) for branch in node.branches if branch.on]
            conditions = [branch.when for branch in node.branches]
        case Repeat():
            values, conditions = [], [node.until]
        case Foreach():
            values, conditions = [node.items], []
        case Sub():
            values, conditions = [dict(node.with_)], []
        case _:
            return []
    return [*expressions_in(values), *(parse(text) for text in conditions if text)]


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
