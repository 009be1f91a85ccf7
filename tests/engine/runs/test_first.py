"""first: whichever comes first, an event, somebody's word or a time; the others come too late."""

from __future__ import annotations

import pytest
import time_machine
from django.utils import timezone

from engine.models import Run, Signal
from engine.workers import executor
from tests.engine.conftest import Runner, asked_of, starter, states

pytestmark = pytest.mark.django_db

FIRST = """
- first:
    - {event: paid, flow: [{id: ship, uses: test.probe}]}
    - {approve: {by: champion}, label: on trust, flow: [{id: trust, uses: test.probe}]}
    - {after: 3600, label: an hour, flow: [{id: remind, uses: test.probe}]}
- {id: last, uses: test.probe}
"""


def drained(run: Run) -> dict[str, str]:
    executor.drain()
    return states(run)


def test_an_event_comes_first(run_flow: Runner) -> None:
    run = run_flow(FIRST)
    (step,) = run.waiting_steps()
    assert asked_of(step)["needs"] == {"choices": ["on trust"], "events": ["paid"]}
    Signal.send(run, "paid", {"amount": 12}, starter(run))
    assert drained(run) == {"ship": "succeeded", "last": "succeeded"}
    assert run.steps.get(purpose="decide").outputs == {"branch": 0, "data": {"amount": 12}}


def test_an_event_that_came_before_anybody_waited_is_not_lost(run_flow: Runner) -> None:
    run = run_flow(FIRST, drain=False)
    Signal.send(run, "paid", {}, None)
    assert drained(run) == {"ship": "succeeded", "last": "succeeded"}


def test_somebodys_word_comes_first(run_flow: Runner) -> None:
    run = run_flow(FIRST)
    (step,) = run.waiting_steps()
    assert step.may_answer(starter(run))
    assert step.confirm(starter(run), {"choice": "on trust"})
    assert drained(run) == {"trust": "succeeded", "last": "succeeded"}
    Signal.send(run, "paid", {}, None)  # too late: nobody takes it
    assert drained(run) == {"trust": "succeeded", "last": "succeeded"}


def test_the_time_comes_first(run_flow: Runner) -> None:
    run = run_flow(FIRST)
    assert drained(run) == {}
    with time_machine.travel(timezone.now().timestamp() + 3601):
        assert drained(run) == {"remind": "succeeded", "last": "succeeded"}


def test_each_event_is_taken_once(run_flow: Runner) -> None:
    twice = """
        - first: [{event: paid, flow: [{id: one, uses: test.probe}]}, {after: 9999, flow: []}]
        - first: [{event: paid, flow: [{id: two, uses: test.probe}]}, {after: 9999, flow: []}]
    """
    run = run_flow(twice)
    Signal.send(run, "paid", {}, None)
    assert drained(run) == {"one": "succeeded"}
    Signal.send(run, "paid", {}, None)
    assert drained(run) == {"one": "succeeded", "two": "succeeded"}
