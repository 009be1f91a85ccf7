"""Pause and continue: nothing new begins, what is launched is looked after, and nothing is lost between."""

from __future__ import annotations

import pytest

from engine.models import Run
from engine.queue.claims import claim
from engine.runs import transitions
from engine.statuses import RunState
from engine.workers import executor
from tests.engine.conftest import Runner, starter, states

pytestmark = pytest.mark.django_db

TWO = "[{id: a, uses: test.probe}, {id: b, uses: test.probe}]"


def drained(run: Run) -> Run:
    executor.drain()
    return Run.objects.get(pk=run.pk)


def test_a_paused_run_begins_nothing_and_continues_where_it_was(run_flow: Runner) -> None:
    run = run_flow(TWO, drain=False)
    transitions.pause(run, run.started_by)
    assert drained(run).state == RunState.PAUSED
    assert states(run) == {"a": "waiting"}
    transitions.go_on(run, run.started_by)
    assert drained(run).state == RunState.SUCCEEDED


def test_a_step_at_work_ends_and_what_follows_it_waits(run_flow: Runner) -> None:
    run = run_flow(TWO, drain=False)
    (held,) = claim("someone")
    transitions.pause(run, run.started_by)
    executor.execute(held)
    assert drained(run).state == RunState.PAUSED
    assert states(run) == {"a": "succeeded", "b": "waiting"}
    transitions.go_on(run, run.started_by)
    assert drained(run).state == RunState.SUCCEEDED


def test_it_continues_while_a_worker_still_has_the_pause_in_mind(run_flow: Runner) -> None:
    run = run_flow(TWO, drain=False)
    transitions.pause(run, None)
    (held,) = claim("someone")
    outcome = executor.outcome_of(held)
    transitions.go_on(run, None)
    transitions.record(held, outcome)  # it was told to hold the step, but meanwhile the run goes on
    assert drained(run).state == RunState.SUCCEEDED


def test_people_may_answer_meanwhile_and_it_counts_later(run_flow: Runner) -> None:
    run = run_flow("[{id: ask, uses: manual}, {id: b, uses: test.probe}]")
    transitions.pause(run, run.started_by)
    run.steps.get().confirm(starter(run))
    assert drained(run).state == RunState.PAUSED
    transitions.go_on(run, run.started_by)
    assert drained(run).state == RunState.SUCCEEDED


def test_a_paused_run_is_cancelled(run_flow: Runner) -> None:
    run = run_flow(TWO, drain=False)
    transitions.pause(run, None)
    drained(run)
    transitions.cancel(run, None)
    assert drained(run).state == RunState.CANCELLED


def test_only_a_running_run_is_paused_and_only_a_paused_one_continued(run_flow: Runner) -> None:
    run = run_flow(TWO)
    with pytest.raises(transitions.NotPossible, match="is finished; only a running run is paused"):
        transitions.pause(run, None)
    with pytest.raises(transitions.NotPossible, match="only a paused run is continued"):
        transitions.go_on(run, None)
