"""The template document: inputs, flow, done. Read from YAML or JSON, checked as a whole, written back.

Pure but for the step kinds' registry, which it asks for their forms. A checked `Template` is immutable and named by the
digest of its document.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from engine.definition import yaml_text
from engine.definition.flow import Flow, Leaf, Node, from_document, to_document
from engine.definition.semantics import Meaning
from engine.definition.structure import FILE_TYPES, INPUT_TYPES, LIMITS, MOST_STEPS, Lookup, Shape
from engine.definition.yaml_text import Place, Problem

__all__ = [
    "FILE_TYPES", "INPUT_TYPES", "LIMITS", "MOST_STEPS", "Input", "Lookup", "Template", "TemplateError", "compose",
    "from_json", "from_yaml",
]  # fmt: skip


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
        """As its author would write it, however the database has ordered its keys."""
        return yaml_text.write(_in_order(self.document))


# The order in which keys are written; what is not here (inputs, settings) comes as it is kept.
_ORDER = (
    "desirepath", "id", "title", "template", "digest", "persona", "description", "inputs", "outputs", "type", "help",
    "optional", "default", "uses", "with", "in", "as", "max_parallel", "at_most", "until", "event", "after", "approve",
    "when", "otherwise", "label", "ask", "on_limit", "mutex", "retries", "timeout", "limits", "on_failure",
    "compensate", "evidence", "flow", "again", "done",
)  # fmt: skip
_RANK = {key: rank for rank, key in enumerate(_ORDER)}


def _in_order(value: Any, *, named_by_author: bool = False) -> Any:
    if isinstance(value, list):
        return [_in_order(item) for item in value]
    if not isinstance(value, dict):
        return value
    keys = list(value) if named_by_author else sorted(value, key=lambda key: _RANK.get(key, len(_RANK)))
    return {key: _in_order(value[key], named_by_author=key in ("inputs", "with", "outputs")) for key in keys}


def from_yaml(text: str, lookup: Lookup | None = None) -> Template:
    """Raises TemplateError with every problem found, each with line and column."""
    try:
        document, places = yaml_text.read(text)
    except yaml_text.YamlError as error:
        raise TemplateError(error.problems) from error
    return _checked(document, places, lookup)


def from_json(document: Any, lookup: Lookup | None = None) -> Template:
    return _checked(document, {}, lookup)


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


def _checked(document: Any, places: Mapping[Place, tuple[int, int]], lookup: Lookup | None) -> Template:
    check = Shape(places, lookup)
    check.document(document)
    if check.problems:
        raise TemplateError(check.problems)
    document = check.pinned(document)
    inputs = {name: Input(**body) for name, body in (document.get("inputs") or {}).items()}
    template = Template(
        name=document["template"],
        persona=document.get("persona", ""),
        title=document.get("title", "") or document["template"],
        inputs=inputs,
        flow=Flow(from_document(document["flow"], check.sub)),
        done=tuple(from_document([leaf]) for leaf in document.get("done") or ()),  # type: ignore[misc]
        description=document.get("description", ""),
        outputs=document.get("outputs") or {},
        document=document,
    )
    if problems := Meaning(template, check).problems():
        raise TemplateError(problems)
    return template
