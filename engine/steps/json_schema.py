"""The template document as JSON Schema 2020-12, for editors: the table of keys with each step kind's settings.

`definition.semantics` alone checks what goes beyond the form: references, unique ids, which step comes first.
"""

from __future__ import annotations

from typing import Any

from engine.definition import vocabulary
from engine.definition.vocabulary import BLOCKS, EXPRESSION, reference
from engine.steps import registry
from engine.steps.base import StepKind

_BY_KIND = ("leaf", "undo")  # what these may hold rests on their kind


def template_schema() -> dict[str, Any]:
    """The schema of a whole document."""
    parts = {part.replace(" ", "-"): _part(part) for part in vocabulary.PARTS if part not in ("document", *_BY_KIND)}
    kinds = [kind for _, kind in sorted(registry().items())]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Desirepath workflow template",
        **_part("document"),
        "$defs": {
            **parts,
            "node": {"anyOf": [{"type": "array", "items": reference("node")}, *map(reference, (*BLOCKS, "leaf"))]},
            **{part: {"anyOf": [_of_kind(part, kind) for kind in kinds]} for part in _BY_KIND},
        },
    }


def _part(part: str) -> dict[str, Any]:
    keys = vocabulary.keys(part).values()
    schema = _object({key.name: _described(key) for key in keys}, [key.name for key in keys if key.required])
    if part == "event branch":
        schema["oneOf"] = [{"required": [name]} for name in ("event", "after", "approve")]
    return schema


def _described(key: vocabulary.Key) -> dict[str, Any]:
    return {"description": key.means, **key.value.schema()}


def _object(properties: dict[str, Any], required: list[str]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _of_kind(part: str, kind: StepKind) -> dict[str, Any]:
    """A step or an undo of this kind. Every setting may be an expression instead of a value."""
    form = kind.form.model_json_schema(ref_template="#/$defs/never/{model}")
    settings = {name: {"anyOf": [EXPRESSION, _inline(spec, form)]} for name, spec in form.get("properties", {}).items()}
    needed = form.get("required", [])
    schema = _part(part)
    schema["properties"]["uses"] = {"const": kind.name, "description": kind.says(None)["does"]}
    schema["properties"]["with"] = _object(settings, needed)
    schema["required"] += ["with"] if needed else []
    return schema


def _inline(spec: Any, form: dict[str, Any]) -> Any:
    """A setting's schema with what it refers to put in its place."""
    if isinstance(spec, dict):
        if name := spec.get("$ref"):
            return _inline(form["$defs"][name.rsplit("/", 1)[-1]], form)
        return {key: _inline(value, form) for key, value in spec.items()}
    return [_inline(item, form) for item in spec] if isinstance(spec, list) else spec
