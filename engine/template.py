"""The template document: inputs, flow, done. Read from YAML or JSON, checked as a whole, written back.

Pure but for the step kinds' registry, which it asks for their forms. A checked `Template` is immutable and named by the
digest of its document.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from engine import yaml_text
from engine.expressions import ExpressionError, Reference, expressions_in, parse
from engine.flow import Choose, Flow, Leaf, Node, Parallel, Path, Repeat, from_document, to_document
from engine.yaml_text import Place, Problem

INPUT_TYPES = ("text", "number", "integer", "boolean", "model", "table", "file", "folder", "json")
FILE_TYPES = ("model", "table", "file", "folder")
MOST_STEPS = 10_000
_ID = re.compile(r"^[a-z][a-z0-9_-]{0,62}$")
_KEYS = {
    "document": {"desirepath", "template", "persona", "title", "description", "inputs", "flow", "done"},
    "input": {"type", "help", "optional", "default"},
    "leaf": {"id", "title", "uses", "with", "when", "retries", "timeout", "on_failure", "outputs", "evidence"},
    "parallel": {"parallel"},
    "choose": {"choose", "ask"},
    "branch": {"when", "otherwise", "flow", "label"},
    "repeat": {"repeat"},
    "repeat body": {"at_most", "until", "again", "flow", "on_limit", "ask"},
}
_LATER = {"foreach", "template", "first", "compensate"}


class TemplateError(ValueError):
    """A template document that cannot be run. `problems` says where and why, each for a person."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = sorted(problems, key=lambda p: (p.line, p.column))
        super().__init__("\n".join(map(str, self.problems)))


@dataclass(frozen=True)
class Input:
    type: str
    help: str = ""
    optional: bool = False
    default: Any = None


@dataclass(frozen=True)
class Template:
    name: str
    persona: str
    title: str
    inputs: Mapping[str, Input]
    flow: Flow
    done: tuple[Leaf, ...] = ()
    description: str = ""
    document: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def digest(self) -> str:
        """sha256 of the document as canonical JSON."""
        text = json.dumps(self.document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()

    def yaml(self) -> str:
        return yaml_text.write(self.document)


def from_yaml(text: str) -> Template:
    """Raises TemplateError with every problem found, each with line and column."""
    try:
        document, places = yaml_text.read(text)
    except yaml_text.YamlError as error:
        raise TemplateError(error.problems) from error
    return _checked(document, places)


def from_json(document: Any) -> Template:
    return _checked(document, {})


def compose(
    name: str, persona: str, title: str, inputs: Mapping[str, Input], root: Node, done: Iterable[Leaf] = ()
) -> Template:
    """A template from parts: what a journey derives. Raises TemplateError like the readers."""
    flow = to_document(root)
    document = {
        "desirepath": 1, "template": name, "persona": persona, "title": title,
        "inputs": {key: _input_document(value) for key, value in inputs.items()},
        "flow": flow if isinstance(flow, list) else [flow],
        "done": [to_document(leaf) for leaf in done],
    }  # fmt: skip
    return from_json(document)


def _input_document(value: Input) -> dict[str, Any]:
    found: dict[str, Any] = {"type": value.type}
    if value.help:
        found["help"] = value.help
    if value.optional:
        found["optional"] = True
    if value.default is not None:
        found["default"] = value.default
    return found


def _checked(document: Any, places: Mapping[Place, tuple[int, int]]) -> Template:
    check = _Shape(places)
    check.document(document)
    if check.problems:
        raise TemplateError(check.problems)
    inputs = {name: Input(**body) for name, body in (document.get("inputs") or {}).items()}
    template = Template(
        name=document["template"],
        persona=document.get("persona", ""),
        title=document.get("title", "") or document["template"],
        inputs=inputs,
        flow=Flow(from_document(document["flow"])),
        done=tuple(from_document([leaf]) for leaf in document.get("done") or ()),  # type: ignore[misc]
        description=document.get("description", ""),
        document=document,
    )
    if problems := _Meaning(template, check).problems():
        raise TemplateError(problems)
    return template


class _Shape:
    """Whether the document has the form: keys, types, ids. Remembers where each leaf stands."""

    def __init__(self, places: Mapping[Place, tuple[int, int]]) -> None:
        self.places = places
        self.problems: list[Problem] = []
        self.leaf_places: dict[str, Place] = {}

    def wrong(self, place: Place, message: str) -> None:
        while place and place not in self.places:
            place = place[:-1]
        self.problems.append(Problem(message, *self.places.get(place, (0, 0))))

    def keys(self, value: Any, kind: str, place: Place, required: tuple[str, ...] = ()) -> bool:
        if not isinstance(value, dict):
            self.wrong(place, f"a {kind} is written as keys and values, not as {_said(value)}")
            return False
        for key in value.keys() - _KEYS[kind]:
            if key in _LATER:
                self.wrong((*place, key), f"“{key}” is a block this version does not run yet")
            else:
                known = ", ".join(sorted(_KEYS[kind]))
                self.wrong((*place, key), f"“{key}” is not a key of a {kind}; known are {known}")
        for key in required:
            if key not in value:
                self.wrong(place, f"a {kind} needs “{key}”")
        return not (value.keys() - _KEYS[kind]) and all(key in value for key in required)

    def document(self, value: Any) -> None:
        if not self.keys(value, "document", (), ("desirepath", "template", "flow")):
            return
        if value["desirepath"] != 1:
            self.wrong(("desirepath",), f"this is version {value['desirepath']!r} of the document; 1 is known")
        if not _ID.match(str(value["template"])):
            self.wrong(("template",), f"“{value['template']}” is not a name: small letters, digits and -")
        inputs = value.get("inputs") or {}
        if not isinstance(inputs, dict):
            self.wrong(("inputs",), "inputs are written as name: {type: …}")
            inputs = {}
        for name, body in inputs.items():
            self.input(body, ("inputs", name))
        if not isinstance(value["flow"], list) or not value["flow"]:
            self.wrong(("flow",), "the flow is a list of at least one step")
        else:
            self.node(value["flow"], ("flow",))
        for i, leaf in enumerate(value.get("done") or ()):
            self.leaf(leaf, ("done", i))

    def input(self, value: Any, place: Place) -> None:
        if not self.keys(value, "input", place, ("type",)):
            return
        if value["type"] not in INPUT_TYPES:
            self.wrong((*place, "type"), f"“{value['type']}” is not a type; known are {', '.join(INPUT_TYPES)}")

    def node(self, value: Any, place: Place) -> None:
        if len(place) > 120:
            self.wrong(place, "blocks are nested too deep")
        elif isinstance(value, list):
            for i, item in enumerate(value):
                self.node(item, (*place, i))
        elif isinstance(value, dict) and (key := next((k for k in ("parallel", "choose", "repeat") if k in value), "")):
            if self.keys(value, key, place):
                getattr(self, key)(value, place)
        else:
            self.leaf(value, place)

    def parallel(self, value: Any, place: Place) -> None:
        branches = value["parallel"]
        if not isinstance(branches, list) or len(branches) < 2:
            self.wrong((*place, "parallel"), "parallel is a list of at least two branches")
            return
        for i, branch in enumerate(branches):
            self.node(branch, (*place, "parallel", i))

    def choose(self, value: Any, place: Place) -> None:
        branches, ask = value["choose"], value.get("ask")
        if ask not in (None, "person"):
            self.wrong((*place, "ask"), "ask knows person")
        if not isinstance(branches, list) or not branches:
            self.wrong((*place, "choose"), "choose is a list of branches")
            return
        for i, branch in enumerate(branches):
            at = (*place, "choose", i)
            if not self.keys(branch, "branch", at, ("flow",)):
                continue
            if not ask and ("when" in branch) == ("otherwise" in branch):
                self.wrong(at, "a branch has either when or otherwise: true")
            if "otherwise" in branch and i != len(branches) - 1:
                self.wrong(at, "otherwise is the last branch")
            self.node(branch["flow"], (*at, "flow"))

    def repeat(self, value: Any, place: Place) -> None:
        body, at = value["repeat"], (*place, "repeat")
        if not isinstance(body, dict):
            self.wrong(at, "repeat is written as keys and values")
            return
        if "at_most" not in body:
            self.wrong(at, "a repeat needs “at_most”: a loop without a bound could run for ever")
        if not self.keys(body, "repeat body", at, ("flow",)):
            return
        bound = body.get("at_most", 1)
        if not isinstance(bound, int) or isinstance(bound, bool) or not 1 <= bound <= 1000:
            self.wrong((*at, "at_most"), f"at_most is a whole number from 1 to 1000, not {_said(bound)}")
        if ("until" in body) == ("ask" in body):
            self.wrong(at, "a repeat needs “until” (an expression) or “ask: person”")
        if body.get("on_limit", "fail") not in ("fail", "continue"):
            self.wrong((*at, "on_limit"), "on_limit is fail or continue")
        self.node(body["flow"], (*at, "flow"))
        self.node(body.get("again", []), (*at, "again"))

    def leaf(self, value: Any, place: Place) -> None:
        if not self.keys(value, "leaf", place, ("id", "uses")):
            return
        leaf_id = str(value["id"])
        if not _ID.match(leaf_id):
            self.wrong((*place, "id"), f"“{leaf_id}” is not an id: small letters, digits, - and _, at most 63")
        if leaf_id in self.leaf_places:
            self.wrong((*place, "id"), f"the id “{leaf_id}” stands twice")
        self.leaf_places[leaf_id] = place
        if value.get("on_failure", "fail") not in ("fail", "continue"):
            self.wrong((*place, "on_failure"), "on_failure is fail or continue")
        retries, timeout = value.get("retries", 0), value.get("timeout", 1)
        if not isinstance(retries, int) or not 0 <= retries <= 100:
            self.wrong((*place, "retries"), "retries is a whole number from 0 to 100")
        if isinstance(timeout, bool) or not isinstance(timeout, int | float) or timeout <= 0:
            self.wrong((*place, "timeout"), "timeout is a number of seconds above 0")
        if not isinstance(value.get("with", {}), dict) or not isinstance(value.get("outputs", {}), dict):
            self.wrong(place, "with and outputs are written as keys and values")
        if len(self.leaf_places) == MOST_STEPS + 1:
            self.wrong(place, f"more than {MOST_STEPS:,} steps")


class _Meaning:
    """Whether a document of the right form makes sense: step kinds, their forms, and what expressions refer to."""

    def __init__(self, template: Template, shape: _Shape) -> None:
        self.template = template
        self.flow = template.flow
        self.shape = shape

    def problems(self) -> list[Problem]:
        from engine.steps import registry  # the kinds read templates' types too

        kinds = registry()
        for leaf in (*self.flow.leaves(), *self.template.done):
            place = self.shape.leaf_places[leaf.id]
            if kind := kinds.get(leaf.uses):
                for message in kind.check(leaf):
                    self.shape.wrong((*place, "with"), f"{leaf.id}: {message}")
            else:
                known = ", ".join(sorted(kinds))
                self.shape.wrong((*place, "uses"), f"“{leaf.uses}” is not a step kind; known are {known}")
            self._leaf_expressions(leaf, place)
        for leaf in self.template.done:
            if (kind := kinds.get(leaf.uses)) and not kind.is_criterion:
                self.shape.wrong(self.shape.leaf_places[leaf.id], f"{leaf.uses} acts, so it cannot judge what is done")
        self._block_expressions()
        return self.shape.problems

    def _leaf_expressions(self, leaf: Leaf, place: Place) -> None:
        path = self.flow.leaf_paths.get(leaf.id)
        try:
            found = [*expressions_in(dict(leaf.with_)), *([parse(leaf.when)] if leaf.when else [])]
        except ExpressionError as error:
            self.shape.wrong(place, f"{leaf.id}: {error}")
            return
        for expression in found:
            for reference in expression.references:
                if message := self._wrong_reference(reference, path):
                    self.shape.wrong(place, f"{leaf.id}: {message}")

    def _block_expressions(self) -> None:
        for path, node in self.flow.nodes.items():
            texts = [b.when for b in node.branches if b.when] if isinstance(node, Choose) else []
            if isinstance(node, Repeat) and node.until:
                texts = [node.until]
            # `until` stands after the repeat's own flow; `when` of a choice before its branches.
            reader = (*path, 1) if isinstance(node, Repeat) else path
            for text in texts:
                try:
                    references = parse(text).references
                except ExpressionError as error:
                    self.shape.wrong(("flow",), str(error))
                    continue
                for message in filter(None, (self._wrong_reference(r, reader) for r in references)):
                    self.shape.wrong(("flow",), f"“{text}”: {message}")

    def _wrong_reference(self, reference: Reference, reader: Path | None) -> str | None:
        if reference.root == "inputs" and reference.name not in self.template.inputs:
            return f"there is no input “{reference.name}”"
        if reference.root != "steps":
            return None
        source = self.flow.leaf_paths.get(reference.name)
        if source is None:
            return f"there is no step “{reference.name}”"
        if reader is not None and (why := unreachable(self.flow, reader, source)):
            return f"steps.{reference.name} {why}"
        if reference.rest[:1] == ("outputs",) and len(reference.rest) > 1:
            from engine.steps import registry

            leaf = self.flow.leaf(reference.name)
            kind = registry().get(leaf.uses)
            if kind and (known := kind.declared_outputs(leaf)) is not None and reference.rest[1] not in known:
                return f"{leaf.uses} has no output “{reference.rest[1]}”; it has {', '.join(known) or 'none'}"
        return None


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


def _said(value: Any) -> str:
    return "nothing" if value is None else f"“{str(value)[:40]}”"
