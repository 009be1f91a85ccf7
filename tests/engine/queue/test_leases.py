"""Leases: only what is at work keeps its own; a database, a disk or a worker in trouble costs a moment and no step."""

from __future__ import annotations

import errno
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError
from django.utils import timezone

from engine.models import StepRun
from engine.outcomes import Poll
from engine.queue import claims
from engine.runs import transitions
from engine.statuses import RunState, StepState
from engine.workers import executor
from tests.engine import kinds
from tests.engine.conftest import Runner

pytestmark = pytest.mark.django_db

ONE = "- {id: a, uses: test.probe}"


def broken_once(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """The next step that is executed meets this error; those after it do not."""
    errors = [error]
    real = kinds.Probe.run

    def run(self: kinds.Probe, step: Any) -> Any:
        if errors:
            raise errors.pop()
        return real(self, step)

    monkeypatch.setattr(kinds.Probe, "run", run)


def test_only_the_steps_at_work_have_their_leases_prolonged(run_flow: Runner) -> None:
    run = run_flow("- parallel: [[{id: a, uses: test.probe}], [{id: b, uses: test.probe}]]", drain=False)
    at_work, forgotten = claims.claim("owner:1:x", limit=2)
    run.steps.update(lease_until=timezone.now())
    claims.renew("owner:1:x", {at_work.pk})
    until = run.steps.filter(state="running").values_list("pk", "lease_until")
    left = {pk: lease - timezone.now() for pk, lease in until if lease}
    assert left[at_work.pk] > claims.LEASE / 2
    assert left[forgotten.pk] < timedelta(seconds=1)


@pytest.mark.django_db(transaction=True)  # a connection in trouble is closed, and with it a test's transaction
def test_a_step_that_could_not_be_recorded_is_let_go_of_and_taken_again(
    run_flow: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = run_flow(ONE, drain=False)
    broken_once(monkeypatch, OperationalError("server closed the connection unexpectedly"))
    at_work: set[int] = set()
    with pytest.raises(OperationalError):
        executor.work(claims.claim("owner:1:x")[0], at_work)
    step = run.steps.get()
    assert (step.state, step.reason, at_work) == (StepState.RUNNING, "", set())
    assert step.lease_until
    assert step.lease_until - timezone.now() <= claims.AGAIN
    run.steps.update(lease_until=timezone.now() - timedelta(seconds=1))
    executor.drain()
    run.refresh_from_db()
    assert run.state == RunState.SUCCEEDED
    assert run.steps.get().attempt == 1


def test_a_full_disk_holds_a_step_up_and_does_not_fail_it(run_flow: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    run = run_flow(ONE, drain=False)
    broken_once(monkeypatch, OSError(errno.ENOSPC, "No space left on device"))
    (step,) = claims.claim("owner:1:x")
    outcome = executor.outcome_of(step)
    assert outcome == Poll(executor.ROOM_WAIT, "The disk is full; the step goes on when there is room.")
    transitions.record(step, outcome)
    run.steps.update(wake_at=timezone.now())
    executor.drain()
    run.refresh_from_db()
    assert run.state == RunState.SUCCEEDED


def test_an_error_of_our_own_is_a_failure_of_the_step_all_the_same(
    run_flow: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken_once(monkeypatch, OSError(errno.EACCES, "Permission denied"))
    run = run_flow(ONE)
    assert run.state == RunState.FAILED
    assert "Something in Desirepath itself failed: PermissionError" in run.reason


def test_a_backlog_of_ready_steps_does_not_hide_that_a_worker_died(run_flow: Runner) -> None:
    run_flow(ONE, drain=False)
    (held,) = claims.claim("dies")
    StepRun.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    run_flow("- parallel: [" + ", ".join(f"[{{id: s{i}, uses: test.probe}}]" for i in range(9)) + "]", drain=False)
    lives = claims.Claimer("lives")
    assert lives.claim()[0].pk == held.pk
    assert lives.claim()[0].pk != held.pk


def test_an_engine_that_starts_lets_go_at_once_of_what_a_dead_one_of_its_machine_held(run_flow: Runner) -> None:
    run = run_flow(ONE, drain=False)
    claims.claim(claims.new_owner().split(":")[0] + f":{2**22 + 1}:x")  # no process has such a number
    assert claims.claim("lives") == []
    assert claims.release_the_dead() == 1
    executor.drain()
    run.refresh_from_db()
    assert run.state == RunState.SUCCEEDED
    assert kinds.DONE == {"a[]": 1}
