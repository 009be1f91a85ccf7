"""The template document: a flow as plain lists and dictionaries, with what a run is started with and what done means.

A checked `Template` is immutable and named by the digest of its document. `reading` makes one from a text.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

from engine.definition import vocabulary, yaml_text
from engine.definition.flow import Branch, Choose, Flow, Foreach, Leaf, Node, Parallel, Repeat, Sequence, Sub, under
from engine.definition.yaml_text import Problem


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
    outputs: Mapping[str, str] = field(default_factory=dict)  # what it gives to a template that uses it
    document: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def digest(self) -> str:
        """sha256 of the document as canonical JSON."""
        text = json.dumps(self.document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()

    def yaml(self) -> str:
        """The document as its author would write it, whatever order the database keeps its keys in."""
        return yaml_text.write(_in_order(self.document))


class Lookup(Protocol):
    """Finds the template that a block uses: by name what is published, by digest that very revision."""

    def __call__(self, name: str, digest: str = "") -> Template | None: ...


_RANK = vocabulary.order()


def _in_order(value: Any, *, named_by_author: bool = False) -> Any:
    if isinstance(value, list):
        return [_in_order(item) for item in value]
    if not isinstance(value, dict):
        return value
    keys = list(value) if named_by_author else sorted(value, key=lambda key: _RANK.get(key, len(_RANK)))
    return {key: _in_order(value[key], named_by_author=key in ("inputs", "with", "outputs")) for key in keys}


# --- a flow written ---------------------------------------------------------------------------------------------------


def to_document(node: Node) -> Any:
    """The flow as a template document writes it. A sequence is a list; `from_document` reads it back equal."""
    match node:
        case Leaf():
            return _written(node, "leaf")
        case Sequence(children=nodes):
            return [to_document(child) for child in nodes]
        case Parallel(branches=branches):
            return {"parallel": [to_document(branch) for branch in branches]}
        case Choose(ask="first"):
            return {"first": [dict(b.on or {}) | _branch(b) for b in node.branches]}
        case Choose():
            return {"choose": [_condition(b, node.ask) | _branch(b) for b in node.branches]} | _written(node, "choose")
        case Repeat():
            again = {"again": _as_list(to_document(node.again))} if node.again != Sequence() else {}
            body = _written(node, "repeat body") | {"flow": _as_list(to_document(node.flow))} | again
            return {"repeat": body}
        case Foreach():
            # Always with its bound, as earlier versions wrote it, so that an unchanged map derives to the same digest.
            body = {**_written(node, "foreach body"), "max_parallel": node.max_parallel}
            return {"foreach": body | {"flow": to_document(node.flow)}}
        case Sub():
            return _written(node, "template")


def _written(node: Any, part: str) -> dict[str, Any]:
    """A node's keys that differ from their defaults, with their values."""
    values = [(key, getattr(node, key.field)) for key in vocabulary.options(part)]
    written = [(key, value) for key, value in values if value != key.default and (value != "" or not key.required)]
    return {key.name: _plain(value) for key, value in written}


def _plain(value: Any) -> Any:
    match value:
        case Leaf():  # an undo: it has no place of its own
            return _written(value, "undo")
        case tuple():
            return list(value)
        case Mapping():
            return dict(value)
        case _:
            return value


def _condition(branch: Branch, ask: str | None) -> dict[str, Any]:
    if branch.when is not None:
        return {"when": branch.when}
    return {} if ask else {"otherwise": True}


def _branch(branch: Branch) -> dict[str, Any]:
    label = {"label": branch.label} if branch.label else {}
    return label | {"flow": _as_list(to_document(branch.flow))}


def _as_list(document: Any) -> Any:
    return document if isinstance(document, list) else [document]


# --- a flow read ------------------------------------------------------------------------------------------------------


def from_document(document: Any, lookup: Lookup | None = None) -> Node:
    """A node from its document form, which was checked before. A list of one is that one.

    A template that is used and cannot be found any more stands as an empty `Sub`.
    """
    if isinstance(document, list):
        nodes = tuple(from_document(item, lookup) for item in document)
        return nodes[0] if len(nodes) == 1 else Sequence(nodes)
    for key, read in _BLOCKS.items():
        if key in document:
            return read(document, lookup)
    return _leaf(document)


def _read(document: Mapping[str, Any], part: str) -> dict[str, Any]:
    """The document's keys and values as attributes of a node."""
    given = [(key, document[key.name]) for key in vocabulary.options(part) if key.name in document]
    return {key.field: tuple(value) if isinstance(key.default, tuple) else value for key, value in given}


def _parallel(document: Any, lookup: Lookup | None) -> Node:
    return Parallel(tuple(from_document(branch, lookup) for branch in document["parallel"]))


def _choose(document: Any, lookup: Lookup | None) -> Node:
    branches = (Branch(from_document(b["flow"], lookup), b.get("when"), b.get("label", "")) for b in document["choose"])
    return Choose(tuple(branches), document.get("ask"))


def _first(document: Any, lookup: Lookup | None) -> Node:
    def branch(b: Any) -> Branch:
        on = {key: value for key, value in b.items() if key in ("event", "after", "approve")}
        return Branch(from_document(b["flow"], lookup), label=b.get("label", ""), on=on)

    return Choose(tuple(branch(b) for b in document["first"]), "first")


def _repeat(document: Any, lookup: Lookup | None) -> Node:
    body = document["repeat"]
    flow, again = from_document(body["flow"], lookup), from_document(body.get("again", []), lookup)
    return Repeat(flow, again, **_read(body, "repeat body"))


def _foreach(document: Any, lookup: Lookup | None) -> Node:
    body = document["foreach"]
    steps = Sequence(tuple(from_document(item, lookup) for item in _as_list(body["flow"])))
    return Foreach(flow=steps, **_read(body, "foreach body"))


def _sub(document: Any, lookup: Lookup | None) -> Node:
    name, digest = document["template"], document.get("digest", "")
    template = lookup(name, digest) if lookup else None
    given = {"digest": digest, **_read(document, "template")}
    if template is None:
        return Sub(flow=Sequence(), **given)
    given["digest"] = template.digest
    return Sub(flow=under(template.flow.root, given["id"]), outputs=template.outputs, inputs=template.inputs, **given)


def _leaf(document: Mapping[str, Any]) -> Leaf:
    given = _read(document, "leaf")
    if undo := given.get("compensate"):
        name = document.get("title") or document["id"]
        given["compensate"] = Leaf(document["id"], f"Undo {name}", **_read(undo, "undo"))
    return Leaf(**given)


_BLOCKS: dict[str, Callable[[Any, Lookup | None], Node]] = {
    "parallel": _parallel, "choose": _choose, "first": _first, "repeat": _repeat, "foreach": _foreach, "template": _sub,
}  # fmt: skip


# --- a whole document ------------------------------------------------------------------------------------------------


def composed(
    name: str, persona: str, title: str, inputs: Mapping[str, Input], root: Node, done: Iterable[Leaf] = ()
) -> dict[str, Any]:
    """The document of a template made from parts: what a journey derives."""
    return {
        "desirepath": 1, "template": name, "persona": persona, "title": title,
        "inputs": {key: _written(value, "input") for key, value in inputs.items()},
        "flow": _as_list(to_document(root)),
        "done": [to_document(leaf) for leaf in done],
    }  # fmt: skip


def template_of(document: Mapping[str, Any], lookup: Lookup | None = None) -> Template:
    """The template of a document that was checked before, perhaps by an older version: nothing is checked here."""
    inputs = document.get("inputs") or {}
    known = vocabulary.keys("input")
    return Template(
        name=document["template"],
        persona=document.get("persona", ""),
        title=document.get("title", "") or document["template"],
        inputs={name: Input(**{k: v for k, v in body.items() if k in known}) for name, body in inputs.items()},
        flow=Flow(from_document(document["flow"], lookup)),
        done=tuple(_leaf(leaf) for leaf in document.get("done") or ()),
        description=document.get("description", ""),
        outputs=document.get("outputs") or {},
        document=document,
    )


def with_leaf(document: Any, leaf_id: str, change: Callable[[Leaf], Leaf], lookup: Lookup | None = None) -> Any:
    """A flow's document with one leaf changed. Raises KeyError where there is no such leaf outside sub-templates."""
    tree = Flow(from_document(document, lookup))
    path = tree.leaf_paths[leaf_id]
    if tree.scope(path):
        raise KeyError(leaf_id)
    return _as_list(to_document(tree.with_leaf(leaf_id, change)))
