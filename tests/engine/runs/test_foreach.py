"""foreach: once for each item, so many at a time; inside it knows its item, outside it is a list."""

from __future__ import annotations

import pytest

from engine.models import Block
from engine.statuses import RunState
from engine.workers import executor
from tests.engine import kinds
from tests.engine.conftest import Runner, starter, states

pytestmark = pytest.mark.django_db

EACH = """
- foreach:
    in: "${{ inputs.regions }}"
    as: region
    max_parallel: 2
    flow:
      - {id: ship, uses: test.probe, with: {value: "${{ each.region + ' ' + string(each.index) }}"}}
      - {id: look, uses: test.probe, with: {value: "${{ steps.ship.outputs.value }}"}}
- {id: count, uses: test.probe, with: {value: "${{ steps.look.map(s, s.outputs.value) }}"}}
"""
REGIONS = "regions: {type: json, optional: true}"


def test_each_item_runs_the_flow_and_from_outside_it_is_a_list(run_flow: Runner) -> None:
    run = run_flow(EACH, inputs=REGIONS, regions=["eu", "us", "ap"])
    assert run.state == RunState.SUCCEEDED, run.reason
    assert run.steps.get(leaf="count").outputs["value"] == ["eu 0", "us 1", "ap 2"]
    assert kinds.DONE["ship[3]"] == kinds.DONE["look[3]"] == 1
    assert not Block.objects.filter(run=run, closed_at=None).exists()


@pytest.mark.parametrize("regions", [[], None])
def test_no_items_are_no_steps_and_the_run_goes_on(run_flow: Runner, regions: list[str] | None) -> None:
    run = run_flow(EACH, inputs=REGIONS, regions=regions)
    assert run.state == RunState.SUCCEEDED
    assert run.steps.get(leaf="count").outputs["value"] == []


def test_no_more_than_so_many_items_are_open_at_once(run_flow: Runner) -> None:
    flow = "- foreach: {in: [1, 2, 3, 4, 5], max_parallel: 2, flow: [{id: wait, uses: manual}]}"
    run = run_flow(flow)
    for done in range(1, 6):
        waiting = list(run.waiting_steps())
        assert len(waiting) == min(2, 6 - done)
        assert waiting[0].confirm(starter(run))
        executor.drain()
    run.refresh_from_db()
    assert run.state == RunState.SUCCEEDED


def test_what_is_no_list_fails_in_words(run_flow: Runner) -> None:
    run = run_flow(EACH, inputs=REGIONS, regions={"eu": 1})
    assert "runs over a list" in run.reason


def test_foreach_in_foreach_knows_both_items(run_flow: Runner) -> None:
    run = run_flow("""
        - foreach:
            in: [a, b]
            as: outer
            flow:
              - foreach:
                  in: [1, 2]
                  as: inner
                  flow: [{id: pair, uses: test.probe, with: {value: "${{ each.outer + string(each.inner) }}"}}]
        - {id: all, uses: test.probe, with: {value: "${{ steps.pair.map(s, s.outputs.value) }}"}}
    """)
    assert run.steps.get(leaf="all").outputs["value"] == ["a1", "a2", "b1", "b2"], run.reason


def test_of_a_repeat_in_an_item_the_last_round_counts(run_flow: Runner) -> None:
    run = run_flow("""
        - foreach:
            in: [1, 2]
            flow:
              - repeat:
                  at_most: 3
                  until: "steps.try.outputs.number >= 2.0"
                  flow: [{id: try, uses: test.probe,
                          with: {value: "${{ has(steps.more.outputs) ? steps.more.outputs.value : each.item }}"}}]
                  again: [{id: more, uses: test.probe, with: {value: "${{ steps.try.outputs.value + 1 }}"}}]
        - {id: all, uses: test.probe, with: {value: "${{ steps.try.map(s, s.outputs.value) }}"}}
    """)
    assert run.steps.get(leaf="all").outputs["value"] == [2, 2], run.reason


def test_a_failed_item_ends_the_others(run_flow: Runner) -> None:
    kinds.FAILING["bad"] = 1
    run = run_flow("""
        - foreach: {in: [1, 2, 3], flow: [{id: wait, uses: manual}, {id: bad, uses: test.probe}]}
    """)
    first = run.waiting_steps()[0]
    first.confirm(starter(run))
    executor.drain()
    run.refresh_from_db()
    assert run.state == RunState.FAILED
    assert set(states(run).values()) == {"succeeded", "failed", "cancelled"}
