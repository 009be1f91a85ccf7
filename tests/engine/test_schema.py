"""The JSON Schema of the document lets through what can be run, and stops a wrong form."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest

from engine import yaml_text
from engine.schema import template_schema
from server import example, starters


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft202012Validator:
    schema = template_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def documents() -> list[Any]:
    shipped = [yaml_text.read(file.read_text())[0] for file in sorted(starters.FOLDER.glob("*.yaml"))]
    return [*shipped, yaml_text.read(example.ideal())[0]["template"]]


@pytest.mark.parametrize("document", documents(), ids=lambda d: d["template"])
def test_every_shipped_template_fits(validator: jsonschema.Draft202012Validator, document: Any) -> None:
    validator.validate(document)


@pytest.mark.parametrize(
    "leaf",
    [
        {"id": "a", "uses": "endpoint.shift"},
        {"id": "a", "uses": "endpoint.shift", "with": {"traffic": 101}},
        {"id": "a", "uses": "endpoint.shift", "with": {"traffic": 10, "volume": 1}},
        {"id": "a", "uses": "nothing.known"},
        {"id": "A", "uses": "manual"},
        {"repeat": {"flow": [{"id": "a", "uses": "manual"}]}},
    ],
)
def test_a_wrong_form_does_not_fit(validator: jsonschema.Draft202012Validator, leaf: Any) -> None:
    assert not validator.is_valid({"desirepath": 1, "template": "t", "flow": [leaf]})
