"""The course: every leaf once, signs by kind and state, words escaped, nothing outside its frame."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from itertools import pairwise

import pytest
from hypothesis import given, settings

from engine.definition.drawing import Mark, course, label_lines
from engine.definition.flow import Flow, Leaf, Node, Sequence
from tests.engine.flows import flows


def parsed(node: Node) -> ET.Element:
    return ET.fromstring(course(node))


@settings(max_examples=60, deadline=None)
@given(flows())
def test_every_leaf_is_drawn_once_and_inside_the_frame(node: Node) -> None:
    root = parsed(node)
    width, height = (float(root.attrib[name]) for name in ("width", "height"))
    controls = [c for c in root.iter("circle") if "course-control" in c.attrib["class"]]
    assert len(controls) == len(Flow(node).leaves())
    for circle in controls:
        assert 18 <= float(circle.attrib["cx"]) <= width - 18
        assert 18 <= float(circle.attrib["cy"]) <= height - 18


def test_two_controls_never_overlap() -> None:
    names = [Leaf(f"s{i}", "A step with a rather long name indeed") for i in range(5)]
    circles = [c for c in parsed(Sequence(tuple(names))).iter("circle") if "course-control" in c.attrib["class"]]
    places = [float(c.attrib["cx"]) for c in circles]
    assert all(b - a > 40 for a, b in pairwise(places))


def test_an_approval_is_a_crossing_and_a_person_s_step_has_a_dot() -> None:
    text = course(Sequence((Leaf("a", uses="approve"), Leaf("b", uses="manual"))))
    assert text.count("course-crossing") == 1
    assert text.count("course-person") == 1


@pytest.mark.parametrize(("state", "tick"), [("done", True), ("failed", True), ("going", False), ("", False)])
def test_a_state_has_a_sign_beside_its_colour(state: str, tick: bool) -> None:
    assert ("course-tick" in course(Leaf("a"), {"a": Mark(state)})) is tick


def test_what_is_not_walked_yet_is_dashed_on_a_run_only() -> None:
    assert "dashed" not in course(Leaf("a"))
    assert "dashed" in course(Leaf("a"), walked=True)


def test_words_are_escaped() -> None:
    text = course(Leaf("a", "<script>alert(1)</script>"), {"a": Mark(note="<b>", href='"><i>')})
    assert not re.search("<script|<b>|<i>", text)


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("Measure", ["Measure"]),
        ("Rehearse the way back", ["Rehearse the way", "back"]),
        ("Antidisestablishmentarianism", ["Antidisestablishmentari…"]),
        ("", [""]),
    ],
)
def test_labels_break_at_spaces(name: str, lines: list[str]) -> None:
    assert label_lines(name) == lines
