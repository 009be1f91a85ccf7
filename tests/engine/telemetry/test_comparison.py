"""Why a run differs from another: template, inputs, ways taken, outputs."""

from __future__ import annotations

import pytest

from engine.telemetry.comparison import Difference, compare
from tests.engine import kinds
from tests.engine.conftest import Runner

pytestmark = pytest.mark.django_db

INPUTS = "n: {type: integer}"
FLOW = """
- {id: reads, uses: test.probe, with: {value: "${{ inputs.n }}"}}
- choose:
    - {when: "steps.reads.outputs.number > 5.0", flow: [{id: high, uses: test.probe}]}
    - {otherwise: true, flow: [{id: low, uses: test.probe}]}
- {id: last, uses: test.probe}
"""


def test_the_same_run_twice_does_not_differ(run_flow: Runner) -> None:
    assert not compare(run_flow(FLOW, inputs=INPUTS, n=1), run_flow(FLOW, inputs=INPUTS, n=1))


def test_another_input_takes_another_way(run_flow: Runner) -> None:
    found = compare(run_flow(FLOW, inputs=INPUTS, n=1), run_flow(FLOW, inputs=INPUTS, n=9))
    assert found.inputs == [Difference("n", "input", 1, 9)]
    assert found.first == "reads"
    said = {(d.where, d.what): (d.before, d.after) for d in found.steps}
    assert said["reads", "output value"] == (1, 9)
    assert said["decide 1", "output branch"] == (1, 0)
    assert said["low", "state"] == ("succeeded", None)
    assert said["high", "state"] == (None, "succeeded")


def test_another_revision_names_the_settings_and_steps_that_changed(run_flow: Runner) -> None:
    before = run_flow("[{id: a, uses: test.probe, with: {value: 1}}, {id: b, uses: test.probe}]")
    after = run_flow("[{id: a, uses: test.probe, retries: 2, with: {value: 2}}, {id: c, uses: test.probe}]")
    said = [(d.where, d.what, d.before, d.after) for d in compare(before, after).template]
    assert said == [
        ("template", "revision", "probe 1", "probe 2"), ("a", "setting value", 1, 2), ("a", "retries", 0, 2),
        ("c", "step", None, "c"), ("b", "step", "b", None),
    ]  # fmt: skip


def test_a_failure_is_the_first_thing_that_differs(run_flow: Runner) -> None:
    good = run_flow(FLOW, inputs=INPUTS, n=1)
    kinds.FAILING["low"] = 1
    found = compare(good, run_flow(FLOW, inputs=INPUTS, n=1))
    assert found.first == "low"
    assert Difference("low", "reason", "", "low was told to fail") in found.steps


SAME = "{id: a, uses: test.probe}"


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (f"[{SAME}]", "[{id: a, uses: test.probe, limits: {memory_mb: 64}}]", ("a", "limit memory_mb", None, 64)),
        (
            f"[{SAME}]", "[{id: a, uses: test.probe, compensate: {uses: manual}}]",
            ("a", "undo: uses", "", "manual"),
        ),
        (
            "[{id: a, uses: manual}]", "[{id: a, uses: manual, outputs: {size: number}}]",
            ("a", "output size", None, "number"),
        ),
        (
            f"[{{repeat: {{at_most: 1, until: 'true', flow: [{SAME}]}}}}]",
            f"[{{repeat: {{at_most: 3, until: 'true', flow: [{SAME}]}}}}]",
            ("the flow", "at_most", 1, 3),
        ),
        (
            f"[{{foreach: {{in: [1], flow: [{SAME}]}}}}, {{id: z, uses: test.probe}}]",
            f"[{{foreach: {{in: [1], max_parallel: 2, flow: [{SAME}]}}}}, {{id: z, uses: test.probe}}]",
            ("foreach of a", "max_parallel", 10, 2),
        ),
        (
            f"[{{choose: [{{when: '1 > 2', flow: [{SAME}]}}]}}]", f"[{{choose: [{{when: '1 > 3', flow: [{SAME}]}}]}}]",
            ("the flow", "branch 1", {"when": "1 > 2"}, {"when": "1 > 3"}),
        ),
        (
            f"[{SAME}, {{id: b, uses: test.probe}}]", f"[{{id: b, uses: test.probe}}, {SAME}]",
            ("the flow", "holds, in this order", ["a", "b"], ["b", "a"]),
        ),
        (f"[{SAME}]", "[{id: a, uses: test.probe, evidence: [x]}]", None),
    ],
)  # fmt: skip
def test_two_templates_that_differ_in_one_thing_differ_in_that(
    run_flow: Runner, before: str, after: str, said: tuple[object, ...] | None
) -> None:
    found = compare(run_flow(before), run_flow(after)).template[1:]
    assert [(d.where, d.what, d.before, d.after) for d in found] == ([said] if said else [])
