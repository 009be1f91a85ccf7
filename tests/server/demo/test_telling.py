"""What the walk says: a flow in one line, events that are worth one, chapters that count themselves."""

import io
import re

import pytest
from rich.console import Console
from rich.text import Text

from engine.definition.document import from_document
from server.demo.telling import Telling, milliseconds, outline

LEAF = {"id": "a", "title": "A"}
OTHER = {"id": "b", "title": "B"}


@pytest.fixture
def telling() -> Telling:
    return Telling(Console(file=io.StringIO(), width=200))


def said(telling: Telling) -> str:
    assert isinstance(telling.out.file, io.StringIO)
    return telling.out.file.getvalue()


@pytest.mark.parametrize(
    ("flow", "line"),
    [
        ([LEAF, OTHER], "A → B"),
        ([], "nothing"),
        ([{"parallel": [[LEAF], [OTHER]]}], "[A ‖ B]"),
        ([{"choose": [{"when": "true", "flow": [LEAF]}, {"otherwise": True, "flow": []}]}], "(A | nothing)"),
        ([{"repeat": {"at_most": 3, "flow": [LEAF], "again": [OTHER]}}], "(A ⟲ B, at most 3)"),
        ([{"repeat": {"at_most": 3, "flow": [LEAF]}}], "(A, at most 3)"),
        ([{"foreach": {"in": "${{ inputs.x }}", "as": "row", "flow": [LEAF]}}], "(for each row: A)"),
    ],
)
def test_a_flow_fits_in_one_line(flow, line):
    assert Text.from_markup(outline(from_document(flow))).plain == line


def test_chapters_are_counted_and_timed(telling):
    for title in ("Evidence", "Journey"):
        with telling.chapter(title):
            telling.say("as it is")
    assert "△ 1 · Evidence" in said(telling)
    assert "○ 2 · Journey" in said(telling)
    assert len(re.findall(r"\b\d+\.\d s\b", said(telling))) == 2


def test_a_step_that_ended_is_worth_a_line_and_one_that_began_is_not(telling):
    telling.event({"kind": "step.started", "leaf": "a", "text": "began"})
    telling.event({"kind": "step.succeeded", "leaf": "b", "text": "7 [of 7] passed"})
    assert said(telling).split() == ["●", "b", "7", "[of", "7]", "passed"]


def test_what_others_said_is_shown_as_it_is(telling):
    telling.plain('{"ok": [1]} [bold]')
    assert said(telling).strip() == '{"ok": [1]} [bold]'


def test_what_took_no_time_says_so():
    assert milliseconds(None) == "–"
    assert milliseconds(90_000) == "2 min"
