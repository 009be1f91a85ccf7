"""A clock that is set back an hour: nothing is done twice, and nobody waits until it has caught up."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from engine.models import EngineHeartbeat, Run, Schedule, StepRun
from engine.outcomes import Poll
from engine.queue import claims
from engine.runs import transitions
from engine.statuses import RunState, StepState
from engine.workers import executor, process, scheduler
from tests.engine import kinds
from tests.engine.conftest import Runner, starter

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)
LATER = "- {id: job, uses: test.probe, with: {later: true}}"


@pytest.fixture
def an_hour_ahead() -> Iterator[Any]:
    """The clock is an hour ahead; `move_to` sets it back."""
    with time_machine.travel(timezone.now() + HOUR, tick=False) as clock:
        yield clock


def set_back(clock: Any) -> None:
    clock.shift(-HOUR)


def test_a_dead_workers_lease_that_ends_in_an_hour_is_cut_to_a_moment(run_flow: Runner, an_hour_ahead) -> None:
    run = run_flow("- {id: a, uses: test.probe}", drain=False)
    claims.claim("elsewhere:1:x")
    set_back(an_hour_ahead)
    assert claims.cut_long_leases() == 1
    assert claims.cut_long_leases() == 0
    assert claims.claim("lives") == []  # whoever holds it may be alive
    an_hour_ahead.shift(claims.LEASE + timedelta(seconds=1))
    executor.drain()
    run.refresh_from_db()
    assert run.state == RunState.SUCCEEDED
    assert kinds.DONE == {"a[]": 1}


def test_whoever_still_has_the_step_when_the_clock_is_set_back_ends_it_once(run_flow: Runner, an_hour_ahead) -> None:
    run = run_flow("- {id: a, uses: test.probe}", drain=False)
    (held,) = claims.claim("elsewhere:1:x")
    outcome = executor.outcome_of(held)
    set_back(an_hour_ahead)
    claims.clock_was_set_back()
    claims.renew("elsewhere:1:x", {held.pk})
    assert claims.claim("other") == []
    assert transitions.record(held, outcome).written
    executor.drain()
    assert Run.objects.get(pk=run.pk).state == RunState.SUCCEEDED
    assert kinds.DONE == {"a[]": 1}


def test_a_job_that_was_to_be_looked_at_in_a_moment_is_not_left_alone_for_an_hour(
    run_flow: Runner, an_hour_ahead
) -> None:
    run_flow(LATER, drain=False)
    transitions.record(claims.claim("a")[0], Poll(0.2))
    set_back(an_hour_ahead)
    assert claims.claim("a") == []
    claims.clock_was_set_back()
    assert len(claims.claim("a")) == 1


def test_a_persons_time_to_answer_is_a_time_of_day_and_stays(run_flow: Runner, an_hour_ahead) -> None:
    run = run_flow("- {id: ask, uses: approve, with: {by: team, deadline: 600, on_deadline: approve}}")
    set_back(an_hour_ahead)
    claims.clock_was_set_back()
    executor.drain()
    assert run.waiting_steps().count() == 1
    an_hour_ahead.shift(HOUR + timedelta(seconds=601))  # at the latest when the clock has caught up
    executor.drain()
    run.refresh_from_db()
    assert run.state == RunState.SUCCEEDED


def test_a_schedule_is_not_served_again_for_the_hour_that_comes_twice(run_flow: Runner, an_hour_ahead) -> None:
    run = run_flow("- {id: a, uses: test.probe}")
    an_hour_ahead.move_to(timezone.now().replace(minute=0, second=30, microsecond=0) + timedelta(days=1))
    schedule = Schedule.objects.create(
        team=run.team, template=run.revision.template, cron="0 * * * *", made_by=starter(run), target=run.target,
        next_at=timezone.now().replace(second=0),
    )  # fmt: skip
    assert len(scheduler.start_due()) == 1
    set_back(an_hour_ahead)
    assert scheduler.start_due() == []
    an_hour_ahead.shift(HOUR)
    assert scheduler.start_due() == []
    an_hour_ahead.shift(HOUR)
    assert len(scheduler.start_due()) == 1
    assert schedule.runs.count() == 2


def test_a_clock_that_is_set_back_is_noticed_and_one_that_goes_on_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    ahead = [0.0]
    wall = time.time
    monkeypatch.setattr(time, "time", lambda: wall() + ahead[0])
    clock = process.Clock()
    assert not clock.was_set_back()
    ahead[0] = 3600.0
    assert not clock.was_set_back()  # set forward: what is due is due
    ahead[0] = 0.0
    assert clock.was_set_back()
    assert not clock.was_set_back()


def test_an_engine_that_starts_sees_that_it_was_seen_later_than_it_is(run_flow: Runner, an_hour_ahead) -> None:
    run_flow(LATER, drain=False)
    transitions.record(claims.claim("a")[0], Poll(0.2))
    engine = process.Engine(threads=1)
    EngineHeartbeat.objects.note(engine.owner.split(":")[0] + ":1:x", timezone.now(), found=False)
    set_back(an_hour_ahead)
    engine._begin()
    assert StepRun.objects.get(state=StepState.WAITING).wake_at == timezone.now()
    assert not EngineHeartbeat.objects.exists()  # else a dead engine would count as alive for an hour
