"""The template document as JSON Schema, for editors: keys, types and each step kind's settings.

What makes sense beyond its form (references, unique ids, which step comes first) is checked by `engine.template` alone.
"""

from __future__ import annotations

from typing import Any

from engine.steps import registry
from engine.steps.base import StepKind
from engine.template import INPUT_TYPES

EXPRESSION = {"type": "string", "pattern": r"\$\{\{.*\}\}"}
TEXT = {"type": "string"}
SWITCH = {"type": "string", "enum": ["fail", "continue"]}


def template_schema() -> dict[str, Any]:
    """JSON Schema 2020-12."""
    node = {"$ref": "#/$defs/node"}
    steps = {"type": "array", "items": node}
    blocks = [{"$ref": f"#/$defs/{name}"} for name in ("parallel", "choose", "repeat", "leaf")]
    optional = {"help": TEXT, "optional": {"type": "boolean"}, "default": {}}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Desirepath workflow template",
        **_keys(
            {
                "desirepath": {"const": 1}, "template": {"$ref": "#/$defs/id"}, "persona": TEXT, "title": TEXT,
                "description": TEXT, "flow": {**steps, "minItems": 1},
                "inputs": {"type": "object", "additionalProperties": {"$ref": "#/$defs/input"}},
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
            "repeat": _keys({"repeat": _repeat()}, "repeat"),
            "leaf": {"anyOf": [_leaf(kind) for _, kind in sorted(registry().items())]},
        },
    }  # fmt: skip


def _keys(properties: dict[str, Any], *required: str) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}


def _branch() -> dict[str, Any]:
    properties = {"when": TEXT, "otherwise": {"const": True}, "label": TEXT, "flow": {"$ref": "#/$defs/node"}}
    return _keys(properties, "flow")


def _repeat() -> dict[str, Any]:
    bound = {"type": "integer", "minimum": 1, "maximum": 1000}
    node = {"$ref": "#/$defs/node"}
    properties = {"at_most": bound, "until": TEXT, "ask": {"const": "person"}, "on_limit": SWITCH, "flow": node}
    return _keys({**properties, "again": node}, "at_most", "flow")


def _leaf(kind: StepKind) -> dict[str, Any]:
    """A leaf of this kind. Every setting may be an expression instead of a value."""
    form = kind.form.model_json_schema(ref_template="#/$defs/never/{model}")
    settings = {name: {"anyOf": [EXPRESSION, _inline(spec, form)]} for name, spec in form.get("properties", {}).items()}
    required = form.get("required", [])
    properties: dict[str, Any] = {
        "id": {"$ref": "#/$defs/id"}, "title": TEXT,
        "uses": {"const": kind.name, "description": kind.says(None)["does"]},
        "with": _keys(settings, *required), "when": TEXT, "retries": {"type": "integer", "minimum": 0, "maximum": 100},
        "timeout": {"type": "number", "exclusiveMinimum": 0, "description": "seconds"}, "on_failure": SWITCH,
        "outputs": {"type": "object", "additionalProperties": TEXT}, "evidence": {"type": "array", "items": TEXT},
    }  # fmt: skip
    return _keys(properties, "id", "uses", *(["with"] if required else []))


def _inline(spec: Any, form: dict[str, Any]) -> Any:
    """A setting's schema with what it refers to put in its place."""
    if isinstance(spec, dict):
        if reference := spec.get("$ref"):
            return _inline(form["$defs"][reference.rsplit("/", 1)[-1]], form)
        return {key: _inline(value, form) for key, value in spec.items()}
    return [_inline(item, form) for item in spec] if isinstance(spec, list) else spec
