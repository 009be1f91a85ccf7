"""The template document: what is wrong is said with line and column, what is right reads back equal."""

from __future__ import annotations

from textwrap import dedent

import pytest

from engine.definition.document import TemplateError
from engine.steps import catalogue
from server import starters
from tests.engine.conftest import document

WRONG = [
    ("- {id: a, uses: test.probe, whith: 1}", "“whith” is not a key of a leaf"),
    ("- repeat: {until: \"true\", flow: [{id: a, uses: test.probe}]}", "a repeat needs “at_most”"),
    ("- repeat: {at_most: 0, until: \"true\", flow: [{id: a, uses: test.probe}]}", "from 1 to 1000"),
    ("- repeat: {at_most: 3, flow: [{id: a, uses: test.probe}]}", "needs “until” (an expression) or “ask: person”"),
    ("- {id: a, uses: nothing.known}", "“nothing.known” is not a step kind"),
    ("- {id: A b, uses: test.probe}", "“A b” is not an id"),
    ("[{id: a, uses: test.probe}, {id: a, uses: test.probe}]", "the id “a” is used twice"),
    ("- parallel: [[{id: a, uses: test.probe}]]", "at least two branches"),
    ("- choose: [{flow: [{id: a, uses: test.probe}]}]", "either when or otherwise"),
    ("- foreach: {in: x}", "a foreach needs “flow”"),
    ("- {id: a, uses: test.probe, retries: many}", "retries is a whole number"),
    ("- {id: a, uses: test.probe, timeout: -1}", "timeout is a number of seconds above 0"),
    ("- {id: a, uses: test.probe, with: {volume: 11}}", "test.probe has no setting “volume”"),
    ("- {id: a, uses: endpoint.shift}", "endpoint.shift needs “traffic”"),
    ("- {id: a, uses: endpoint.shift, with: {traffic: 110}}", "“traffic”: input should be less than or equal to 100"),
    ("- {id: a, uses: test.probe, with: {value: \"${{ inputs.nope }}\"}}", "there is no input “nope”"),
    ("- {id: a, uses: test.probe, with: {value: \"${{ steps.nope }}\"}}", "there is no step “nope”"),
    ("- {id: a, uses: test.probe, with: {value: \"${{ steps.a.outputs.value }}\"}}", "steps.a is the step itself"),
    (
        "[{id: a, uses: test.probe, with: {value: \"${{ steps.b.outputs.value }}\"}}, {id: b, uses: test.probe}]",
        "steps.b comes later",
    ),
    (
        "- parallel: [[{id: a, uses: test.probe}], [{id: b, uses: test.probe, when: \"steps.a.status == 1\"}]]",
        "runs at the same time, in a parallel branch",
    ),
    ("[{id: a, uses: test.probe}, {id: b, uses: test.probe, when: \"steps.a.outputs.size > 1\"}]", "no output “size”"),
    ("- {id: a, uses: test.probe, when: \"1 +\"}", "cannot be read as an expression"),
    ("- {id: a, uses: test.probe, retries: {often: 3}}", "“often” is not a key of retries"),
    (
        "- {id: a, uses: test.probe, retries: {timeout: 300}}",
        "timeout is a whole number of retries from 0 to 100, not “300”",
    ),
    ("- {id: a, uses: test.probe, retries: {temporary: 1, wait: 0}}", "wait is a number of seconds above 0"),
    ("- {id: a, uses: test.probe, limits: {disk: 3}}", "“disk” is not a key of limits; known are cpu_seconds"),
    ("- {id: a, uses: test.probe, limits: {memory_mb: 1}}", "memory_mb is a whole number of MB from 16 to"),
    ("- {id: a, uses: test.probe, mutex: The GPU}", "“The GPU” is not a name"),
    ("- {id: a, uses: test.probe, compensate: {with: {}}}", "an undo needs “uses”"),
    ("- {id: a, uses: test.probe, compensate: {uses: nothing.known}}", "“nothing.known” is not a step kind"),
    ("- {id: a, uses: test.probe, compensate: {uses: test.probe, with: {volume: 1}}}", "has no setting “volume”"),
    ("- foreach: {in: 3, flow: [{id: a, uses: test.probe}]}", "in is a list, or an expression for one"),
    ("- foreach: {in: [1], max_parallel: 0, flow: [{id: a, uses: test.probe}]}", "max_parallel is a whole number"),
    ("- foreach: {in: [1], as: index, flow: [{id: a, uses: test.probe}]}", "“index” is not a name for an item"),
    ("- {id: a, uses: test.probe, with: {value: \"${{ each.item }}\"}}", "each.item is not there: this is in"),
    (
        "- foreach: {in: [1], as: x, flow: [{id: a, uses: test.probe, with: {value: \"${{ each.item }}\"}}]}",
        "each.item is not there: known are x, index",
    ),
    (
        "- foreach: {in: [1], flow: [{id: a, uses: test.probe}]}\n"
        "- {id: b, uses: test.probe, with: {value: \"${{ steps.a.outputs.value }}\"}}",
        "runs once for each item, so from here it is a list: steps.a.map(s, s.outputs.value)",
    ),
    ("- first: [{event: paid, flow: []}]", "first is a list of at least two branches"),
    ("- first: [{event: paid, after: 3, flow: []}, {after: 3, flow: []}]", "a branch of first waits for one thing"),
]  # fmt: skip


@pytest.mark.parametrize(("flow", "message"), WRONG)
def test_it_says_what_is_wrong_and_where(flow: str, message: str) -> None:
    with pytest.raises(TemplateError) as caught:
        catalogue.from_yaml(document(flow))
    said = [problem for problem in caught.value.problems if message in problem.message]
    assert said, str(caught.value)
    assert said[0].line >= 4


def test_an_unknown_key_is_found_where_it_stands() -> None:
    with pytest.raises(TemplateError) as caught:
        catalogue.from_yaml("desirepath: 1\ntemplate: t\nflow:\n  - id: a\n    uses: test.probe\n    colour: red\n")
    (problem,) = caught.value.problems
    assert (problem.line, problem.column) == (6, 5)


def test_a_key_that_stands_twice_is_an_error() -> None:
    with pytest.raises(TemplateError, match="“template” is used twice"):
        catalogue.from_yaml("desirepath: 1\ntemplate: a\ntemplate: b\nflow: []\n")


def test_words_that_other_readers_take_for_something_else_stay_text() -> None:
    text = document("- {id: a, uses: test.probe, with: {value: [on, no, 12:30, 0x1F, 2026-01-01, yes]}}")
    leaf = catalogue.from_yaml(text).flow.leaf("a")
    assert leaf.with_["value"] == ["on", "no", "12:30", "0x1F", "2026-01-01", "yes"]


def test_text_that_is_no_yaml_is_an_error_with_its_line() -> None:
    with pytest.raises(TemplateError, match="line 2, column"):
        catalogue.from_yaml("desirepath: 1\n  template: [a\n")


@pytest.mark.parametrize("text", ["", "[]", "3", "desirepath: 2\ntemplate: t\nflow: [{id: a, uses: manual}]"])
def test_what_is_no_template_at_all_is_an_error(text: str) -> None:
    with pytest.raises(TemplateError):
        catalogue.from_yaml(text)


def test_an_alias_that_points_at_itself_is_an_error() -> None:
    with pytest.raises(TemplateError):
        catalogue.from_yaml("desirepath: 1\ntemplate: t\nflow: &f [*f]\n")


@pytest.mark.parametrize("file", sorted(starters.FOLDER.glob("*.yaml")), ids=lambda f: f.stem)
def test_every_starter_can_be_run_and_reads_back_with_the_same_digest(file: object) -> None:
    found = catalogue.from_yaml(file.read_text())  # type: ignore[attr-defined]
    assert catalogue.from_yaml(found.yaml()).digest == found.digest
    assert found.done


def test_the_digest_does_not_depend_on_how_the_yaml_is_laid_out() -> None:
    one = catalogue.from_yaml(document("- {id: a, uses: test.probe}"))
    spread = dedent("""
        flow:
          - uses: test.probe
            id: a
        persona: ml-engineer
        template: probe
        desirepath: 1
    """)
    assert catalogue.from_yaml(spread).digest == one.digest


def test_criteria_that_act_cannot_judge_what_is_done() -> None:
    with pytest.raises(TemplateError, match="changes something, so it cannot be a criterion"):
        catalogue.from_yaml(document("- {id: a, uses: test.probe}", done="- {id: b, uses: endpoint.rollback}"))


def test_its_yaml_is_in_the_order_of_an_author_however_its_keys_are_kept() -> None:
    kept = {"flow": [{"with": {"value": 1}, "uses": "test.probe", "id": "a"}], "template": "t", "desirepath": 1}
    written = catalogue.from_json(kept).yaml()
    assert written == "desirepath: 1\ntemplate: t\nflow:\n- id: a\n  uses: test.probe\n  with:\n    value: 1\n"
    assert catalogue.from_yaml(written).digest == catalogue.from_json(kept).digest
