"""The JSON Schema of the document lets through what can be run, and stops a wrong form."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest

from engine.definition import yaml_text
from engine.steps.json_schema import template_schema
from server import example, starters


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft202012Validator:
    schema = template_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def documents() -> list[Any]:
    shipped = [yaml_text.read(file.read_text())[0] for file in sorted(starters.FOLDER.glob("*.yaml"))]
    return [*shipped, *(yaml_text.read(study.ideal())[0]["template"] for study in example.STUDIES)]


@pytest.mark.parametrize("document", documents(), ids=lambda d: d["template"])
def test_every_shipped_template_fits(validator: jsonschema.Draft202012Validator, document: Any) -> None:
    assert [error.message for error in validator.iter_errors(document)] == []


WHOLE = """
desirepath: 1
template: t
outputs: {x: "${{ steps.a.outputs.result }}"}
flow:
  - foreach: {in: "${{ inputs.x }}", as: row, max_parallel: 3, flow: [{id: a, uses: manual}]}
  - first: [{event: paid, flow: []}, {approve: {by: champion}, label: yes, flow: []}, {after: 60, flow: []}]
  - {id: sub, template: other, with: {x: 1}}
  - id: c
    uses: command.run
    with: {command: make}
    mutex: gpu
    retries: {temporary: 3, timeout: 1, wait: 2, at_most: 60}
    limits: {memory_mb: 512, cpu_seconds: 60}
    compensate: {uses: command.run, with: {command: make clean}, retries: 2}
"""


def test_every_block_fits(validator: jsonschema.Draft202012Validator) -> None:
    assert [error.message for error in validator.iter_errors(yaml_text.read(WHOLE)[0])] == []


@pytest.mark.parametrize(
    "leaf",
    [
        {"id": "a", "uses": "endpoint.shift"},
        {"id": "a", "uses": "endpoint.shift", "with": {"traffic": 101}},
        {"id": "a", "uses": "endpoint.shift", "with": {"traffic": 10, "volume": 1}},
        {"id": "a", "uses": "nothing.known"},
        {"id": "A", "uses": "manual"},
        {"repeat": {"flow": [{"id": "a", "uses": "manual"}]}},
        {"foreach": {"flow": [{"id": "a", "uses": "manual"}]}},
        {"first": [{"event": "paid", "flow": []}, {"flow": []}]},
        {"id": "a", "uses": "manual", "retries": {"often": 3}},
        {"id": "a", "uses": "manual", "limits": {"memory_mb": 1}},
        {"id": "a", "uses": "manual", "compensate": {"uses": "command.run"}},
    ],
)
def test_a_wrong_form_does_not_fit(validator: jsonschema.Draft202012Validator, leaf: Any) -> None:
    assert not validator.is_valid({"desirepath": 1, "template": "t", "flow": [leaf]})
