"""Expressions: what they answer, what they refer to, and what bounds them."""

from __future__ import annotations

from typing import Any

import pytest

from engine.definition.expressions import Absent, ExpressionError, parse, resolve, typed

CONTEXT: dict[str, Any] = {
    "inputs": {"n": 3, "label": "y", "none": None, "list": [1, 2]},
    "steps": {"m": {"status": "succeeded", "outputs": {"good": True, "value": 0.8}}, "r": {"status": "absent"}},
}


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("inputs.n + 1", 4),
        ("${{ steps.m.outputs.good }}", True),
        ("has(steps.r.outputs) ? 1 : 2", 2),
        ("inputs.none == null", True),
        ("inputs.list.all(x, x > 0)", True),
        ("steps['m'].outputs.value >= 0.5", True),
        ("'a' + inputs.label", "ay"),
    ],
)
def test_it_answers(text: str, answer: Any) -> None:
    assert parse(text).evaluate(CONTEXT) == answer


def test_what_rests_on_something_missing_is_absent_rather_than_wrong() -> None:
    with pytest.raises(Absent, match=r"steps\.r\.outputs\.model is not there"):
        parse("steps.r.outputs.model").evaluate(CONTEXT)


@pytest.mark.parametrize("text", ["1 / 0", "inputs.label > 3", "inputs.list[7]"])
def test_what_has_no_answer_says_so(text: str) -> None:
    with pytest.raises(ExpressionError, match="has no answer"):
        parse(text).evaluate(CONTEXT)


@pytest.mark.parametrize(
    "text",
    [
        "(" * 30 + "1" + ")" * 30,
        "!" * 60 + "true",
        "x" * 1001,
        "inputs.list.all(a, inputs.list.all(b, a > b))",
        "import os",
        "open('x')",
        "",
        "other.thing",
    ],
)
def test_what_could_take_long_or_is_no_expression_is_refused(text: str) -> None:
    with pytest.raises(ExpressionError):
        parse(text).evaluate(CONTEXT)


def test_a_whole_expression_keeps_its_type_and_one_in_text_becomes_text() -> None:
    value = {"n": "${{ inputs.n }}", "said": "n is ${{ inputs.n }}", "list": ["${{ inputs.list }}"]}
    assert resolve(value, CONTEXT) == {"n": 3, "said": "n is 3", "list": [[1, 2]]}


@pytest.mark.parametrize(("value", "kind", "as_"), [(1, "number", 1.0), ("3", "integer", 3), (None, "number", None)])
def test_outputs_become_what_they_were_declared(value: Any, kind: str, as_: Any) -> None:
    assert typed(value, kind) == as_
    assert type(typed(value, kind)) is type(as_)


def test_an_output_that_is_not_what_it_was_declared_is_an_error() -> None:
    with pytest.raises(ExpressionError, match="is not a number"):
        typed("many", "number")
