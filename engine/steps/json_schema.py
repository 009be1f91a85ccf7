"""The template document as JSON Schema, for editors: keys, types and each step kind's settings.

`engine.definition.semantics` alone checks what goes beyond the form: references, unique ids, which step comes first.
"""

from __future__ import annotations

from typing import Any

from engine.definition.reading import INPUT_TYPES, LIMITS
from engine.definition.retry import CLASSES
from engine.steps import registry
from engine.steps.base import StepKind

EXPRESSION = {"type": "string", "pattern": r"\$\{\{.*\}\}"}
TEXT = {"type": "string"}
ABOVE_0 = {"type": "number", "exclusiveMinimum": 0}
RETRIES = {"type": "integer", "minimum": 0, "maximum": 100}
WAITS = {"wait": ABOVE_0, "at_most": ABOVE_0}
SWITCH = {"type": "string", "enum": ["fail", "continue"]}


def template_schema() -> dict[str, Any]:
    """JSON Schema 2020-12."""
    node = {"$ref": "#/$defs/node"}
    steps = {"type": "array", "items": node}
    names = ("parallel", "choose", "first", "repeat", "foreach", "template", "leaf")
    blocks = [{"$ref": f"#/$defs/{name}"} for name in names]
    optional = {"help": TEXT, "optional": {"type": "boolean"}, "default": {}}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Desirepath workflow template",
        **_keys(
            {
                "desirepath": {"const": 1}, "template": {"$ref": "#/$defs/id"}, "persona": TEXT, "title": TEXT,
                "description": TEXT, "flow": {**steps, "minItems": 1},
                "inputs": {"type": "object", "additionalProperties": {"$ref": "#/$defs/input"}},
                "outputs": {"type": "object", "additionalProperties": TEXT},
                "done": {"type": "array", "items": {"$ref": "#/$defs/leaf"}},
            },
            "desirepath", "template", "flow",
        ),
        "$defs": {
            "id": {"type": "string", "pattern": "^[a-z][a-z0-9_-]{0,62}$"},
            "input": _keys({"type": {"enum": list(INPUT_TYPES)}, **optional}, "type"),
            "node": {"anyOf": [steps, *blocks]},
            "parallel": _keys({"parallel": {**steps, "minItems": 2}}, "parallel"),
            "choose": _keys({"choose": {"type": "array", "items": _branch()}, "ask": {"const": "person"}}, "choose"),
            "first": _keys({"first": {"type": "array", "minItems": 2, "items": _event_branch()}}, "first"),
            "repeat": _keys({"repeat": _repeat()}, "repeat"),
            "foreach": _keys({"foreach": _foreach()}, "foreach"),
            "template": _keys(
                {"id": {"$ref": "#/$defs/id"}, "title": TEXT, "template": {"$ref": "#/$defs/id"}, "digest": TEXT,
                 "with": {"type": "object"}}, "id", "template",
            ),
            "retries": {"anyOf": [RETRIES, _keys({**dict.fromkeys(CLASSES, RETRIES), **WAITS})]},
            "limits": _keys({name: {"type": "integer", "minimum": least, "maximum": most, "description": unit}
                             for name, (unit, least, most) in LIMITS.items()}),
            "undo": undo_schema(),
            "leaf": {"anyOf": [_leaf(kind) for _, kind in sorted(registry().items())]},
        },
    }  # fmt: skip


def _keys(properties: dict[str, Any], *required: str) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}


def _branch() -> dict[str, Any]:
    properties = {"when": TEXT, "otherwise": {"const": True}, "label": TEXT, "flow": {"$ref": "#/$defs/node"}}
    return _keys(properties, "flow")


def _event_branch() -> dict[str, Any]:
    node = {"$ref": "#/$defs/node"}
    on = {"event": TEXT, "after": {"anyOf": [EXPRESSION, ABOVE_0]}, "approve": {"type": ["object", "null"]}}
    forms = [{"required": [name]} for name in on]
    return {**_keys({**on, "label": TEXT, "flow": node}, "flow"), "oneOf": forms}


def _foreach() -> dict[str, Any]:
    bound = {"type": "integer", "minimum": 1, "maximum": 1000}
    name = {"type": "string", "pattern": "^[a-z][a-z0-9_]{0,30}$"}
    properties = {"in": {"anyOf": [EXPRESSION, {"type": "array"}]}, "as": name, "max_parallel": bound}
    return _keys({**properties, "flow": {"$ref": "#/$defs/node"}}, "in", "flow")


def _repeat() -> dict[str, Any]:
    bound = {"type": "integer", "minimum": 1, "maximum": 1000}
    node = {"$ref": "#/$defs/node"}
    properties = {"at_most": bound, "until": TEXT, "ask": {"const": "person"}, "on_limit": SWITCH, "flow": node}
    return _keys({**properties, "again": node}, "at_most", "flow")


def _leaf(kind: StepKind) -> dict[str, Any]:
    """A leaf of this kind."""
    of_kind, required = _of_kind(kind)
    properties: dict[str, Any] = {
        "id": {"$ref": "#/$defs/id"}, "title": TEXT, **of_kind, "when": TEXT, "on_failure": SWITCH,
        "outputs": {"type": "object", "additionalProperties": TEXT}, "evidence": {"type": "array", "items": TEXT},
        "mutex": {"$ref": "#/$defs/id"}, "compensate": {"$ref": "#/$defs/undo"},
    }  # fmt: skip
    return _keys(properties, "id", *required)


def undo_schema() -> dict[str, Any]:
    """A step's own undo: any kind, without a place of its own."""
    forms = [_of_kind(kind) for _, kind in sorted(registry().items())]
    return {"anyOf": [_keys(properties, *required) for properties, required in forms]}


def _of_kind(kind: StepKind) -> tuple[dict[str, Any], list[str]]:
    """What a step and an undo of this kind have in common. Every setting may be an expression instead of a value."""
    form = kind.form.model_json_schema(ref_template="#/$defs/never/{model}")
    settings = {name: {"anyOf": [EXPRESSION, _inline(spec, form)]} for name, spec in form.get("properties", {}).items()}
    required = form.get("required", [])
    properties = {
        "uses": {"const": kind.name, "description": kind.says(None)["does"]}, "with": _keys(settings, *required),
        "retries": {"$ref": "#/$defs/retries"}, "limits": {"$ref": "#/$defs/limits"},
        "timeout": {**ABOVE_0, "description": "seconds"},
    }  # fmt: skip
    return properties, ["uses", *(["with"] if required else [])]


def _inline(spec: Any, form: dict[str, Any]) -> Any:
    """A setting's schema with what it refers to put in its place."""
    if isinstance(spec, dict):
        if reference := spec.get("$ref"):
            return _inline(form["$defs"][reference.rsplit("/", 1)[-1]], form)
        return {key: _inline(value, form) for key, value in spec.items()}
    return [_inline(item, form) for item in spec] if isinstance(spec, list) else spec
