"""What a flow is told as before it starts: the order, and the circumstances of each step."""

from typing import Any

import pytest

from engine.definition.document import from_document
from engine.definition.flow import Leaf, Sub
from engine.definition.outline import stops


def leaf(name: str, **more: Any) -> dict[str, Any]:
    return {"id": name, "uses": "manual", **more}


BAD = {"label": "bad", "flow": [leaf("b")]}


@pytest.mark.parametrize(
    ("flow", "told"),
    [
        ([leaf("a"), leaf("b")], [("a", (), False), ("b", (), False)]),
        (
            [{"parallel": [[leaf("a")], [leaf("b")]]}],
            [("a", ("at the same time",), False), ("b", ("at the same time",), False)],
        ),
        (
            [{"choose": [{"when": "x", "label": "no worse", "flow": [leaf("a")]}, {"flow": [leaf("b")]}]}],
            [("a", ("if: no worse",), True), ("b", ("otherwise",), True)],
        ),
        (
            [{"choose": [{"when": "${{ steps.m.outputs.fine }}", "flow": [leaf("a")]}, BAD]}],
            [("a", ("if m fine",), True), ("b", ("otherwise: bad",), True)],
        ),
        (
            [{"choose": [{"label": "by hand", "flow": [leaf("a")]}], "ask": "person"}],
            [("a", ("if somebody picks “by hand”",), True)],
        ),
        ([{"first": [{"after": 60, "flow": [leaf("a")]}]}], [("a", ("after 60 s",), True)]),
        (
            [{"repeat": {"at_most": 3, "flow": [leaf("a")], "again": [leaf("b")]}}],
            [("a", ("up to 3 times",), False), ("b", ("before another round",), True)],
        ),
        ([{"repeat": {"at_most": 1, "flow": [leaf("a")], "again": [leaf("b")]}}], [("a", (), False)]),
        (
            [{"foreach": {"in": [1], "as": "table", "max_parallel": 1, "flow": [leaf("a")]}}],
            [("a", ("for each table, one after another",), False)],
        ),
    ],
)  # fmt: skip
def test_each_step_is_told_with_its_circumstances(flow, told):
    assert [(stop.leaf.id, stop.where, stop.maybe) for stop in stops(from_document(flow))] == told


def test_a_steps_own_condition_is_its_own():
    (stop,) = stops(from_document([leaf("a", when="${{ steps.m.outputs.fine }}")]))
    assert (stop.where, stop.only, stop.maybe) == ((), "only if m fine", True)


def test_steps_that_another_template_brings_say_so():
    (stop,) = stops(Sub("ship", Leaf("ship.show"), "preview", "0" * 64, title="Preview and ask"))
    assert stop.where == ("part of “Preview and ask”",)
