"""A step's own undo: in reverse order of completion, after a failure and after a cancel, and run again by resume."""

from __future__ import annotations

import pytest

from engine.actions.resume import Resume, reset_set
from engine.models import Run
from engine.runs import transitions
from engine.statuses import RunState
from engine.workers import executor
from tests.engine import kinds
from tests.engine.conftest import Runner, starter

pytestmark = pytest.mark.django_db

FLOW = """
- id: a
  uses: test.probe
  with: {value: 7}
  compensate: {uses: test.probe, with: {value: "${{ steps.a.outputs.value }}"}}
- parallel:
    - [{id: b, uses: test.probe, compensate: {uses: test.probe}}, {id: c, uses: test.probe}]
    - [{id: d, uses: test.probe}]
- {id: e, uses: test.probe, compensate: {uses: test.probe, retries: 1, with: {temporary: true}}}
- {id: ask, uses: manual}
- {id: f, uses: test.probe, compensate: {uses: test.probe}}
"""


def undone(run: Run) -> list[str]:
    rows = run.steps.filter(purpose="compensate").order_by("ended_at", "pk")
    return [row.leaf for row in rows if row.state == "succeeded"]


def drained(run: Run) -> Run:
    executor.drain()
    return Run.objects.get(pk=run.pk)


def test_cancel_undoes_what_was_done_the_newest_first(run_flow: Runner) -> None:
    run = run_flow(FLOW)
    transitions.cancel(run, run.started_by)
    run = drained(run)
    assert run.state == RunState.CANCELLED
    assert undone(run) == ["e", "b", "a"]
    assert run.steps.get(purpose="compensate", leaf="a").outputs["value"] == 7


def test_a_failure_undoes_and_resume_runs_again_what_was_undone(run_flow: Runner) -> None:
    kinds.FAILING["f"] = 1
    run = run_flow(FLOW)
    run.waiting_steps()[0].confirm(starter(run))
    run = drained(run)
    assert run.state == RunState.FAILED
    assert undone(run) == ["e", "b", "a"]
    assert [step.leaf for step in reset_set(run)] == ["a", "b", "d", "c", "e", "ask", "f"]  # all that follows a
    Resume(run, run.started_by).execute()
    run = drained(run)
    run.waiting_steps()[0].confirm(starter(run))
    run = drained(run)
    assert run.state == RunState.SUCCEEDED, run.reason
    assert {run.steps.get(leaf=leaf, purpose="leaf").attempt for leaf in ("a", "b", "e", "f")} == {2}
    assert not run.steps.filter(undone=True).exists()


def test_an_undo_that_fails_is_said_and_the_others_go_on(run_flow: Runner) -> None:
    run = run_flow(FLOW)
    kinds.FAILING["b"] = -1
    transitions.cancel(run, run.started_by)
    run = drained(run)
    assert run.state == RunState.CANCELLED
    assert undone(run) == ["e", "a"]
    assert run.reason == "cancelled by Alice. Undo b failed: b was told to fail"


def test_it_undoes_a_second_time_what_was_run_again(run_flow: Runner) -> None:
    kinds.FAILING["f"] = 2
    run = run_flow(FLOW)
    for again in (False, True):
        if again:
            Resume(run, run.started_by).execute()
            drained(run)
        run.waiting_steps()[0].confirm(starter(run))
        run = drained(run)
        assert run.state == RunState.FAILED
    assert sorted(undone(run)) == ["a", "b", "e"]
    assert {row.attempt for row in run.steps.filter(purpose="compensate")} == {2}
