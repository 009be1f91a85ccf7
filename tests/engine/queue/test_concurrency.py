"""Mutexes and limits: who is at work is read from the steps, and whoever waits is let in when somebody stops."""

from __future__ import annotations

import pytest

from engine.models import Limit, Run, StepRun
from engine.queue import concurrency
from engine.queue.claims import claim
from engine.statuses import RunState, StepState
from engine.workers import executor
from tests.engine.conftest import Runner, starter

pytestmark = pytest.mark.django_db

WAIT = "- {id: wait, uses: manual, mutex: gpu}"
LATER = "- {id: job, uses: test.probe, with: {later: true}}"


def limit(**of: object) -> Limit:
    made = Limit.objects.create(**of)
    concurrency.limits.forget()
    return made


def test_two_steps_with_one_mutex_are_never_at_work_at_once(run_flow: Runner) -> None:
    first, second = run_flow(WAIT), run_flow(WAIT)
    assert first.waiting_steps().count() == 1
    assert second.waiting_steps().count() == 0
    assert second.steps.get().queue == f"mutex:{first.team_id}:gpu"
    first.steps.get().confirm(starter(first))
    executor.drain()
    assert second.waiting_steps().count() == 1
    second.steps.get().confirm(starter(second))
    executor.drain()
    assert {run.state for run in Run.objects.all()} == {RunState.SUCCEEDED}


def test_whoever_is_first_in_the_queue_is_let_in_first(run_flow: Runner) -> None:
    runs = [run_flow(WAIT) for _ in range(4)]
    for run in runs:
        assert [r.pk for r in Run.objects.all() if r.waiting_steps().exists()] == [run.pk]
        run.steps.get().confirm(starter(run))
        executor.drain()


def test_a_cancelled_run_leaves_its_place_to_the_next(run_flow: Runner) -> None:
    from engine.runs import transitions

    first, second = run_flow(WAIT), run_flow(WAIT)
    transitions.cancel(first, None)
    executor.drain()
    concurrency.reconcile()
    executor.drain()
    assert second.waiting_steps().count() == 1


@pytest.mark.parametrize("scope", ["team", "target", "template"])
def test_a_limit_counts_what_is_at_work_in_its_scope(run_flow: Runner, scope: str) -> None:
    run = run_flow(LATER, drain=False)
    of = {"team": run.team, "target": run.target, "template": run.revision.template}[scope]
    limit(at_most=2, **{scope: of})
    for _ in range(4):
        run_flow(LATER, drain=False)
    held = [step for _ in range(5) for step in claim("someone")]
    assert len(held) == 2
    assert StepRun.objects.filter(queue__startswith="limit:").count() == 3
    executor.execute(held[0])  # it has launched something and looks again later: still at work
    assert StepRun.objects.filter(queue="", state=StepState.READY).count() == 0


def test_a_step_that_waits_for_a_person_takes_up_no_room_of_a_limit(run_flow: Runner) -> None:
    run = run_flow("- {id: ask, uses: manual}", drain=False)
    limit(at_most=1, team=run.team)
    others = [run_flow("- {id: ask, uses: manual}", drain=False) for _ in range(2)]
    executor.drain()
    assert all(r.waiting_steps().count() == 1 for r in [run, *others])


def test_a_dead_worker_gives_its_room_back_when_its_lease_ends(run_flow: Runner) -> None:
    run = run_flow("- {id: a, uses: test.probe}", drain=False)
    limit(at_most=1, team=run.team)
    other = run_flow("- {id: a, uses: test.probe}", drain=False)
    assert len(claim("dies")) == 1
    assert claim("lives") == []
    StepRun.objects.filter(owner="dies").update(lease_until="2020-01-01T00:00:00Z")
    executor.drain()
    concurrency.reconcile()
    executor.drain()
    assert {r.state for r in Run.objects.filter(pk__in=[run.pk, other.pk])} == {RunState.SUCCEEDED}


def test_lifting_a_limit_lets_everybody_in(run_flow: Runner) -> None:
    run = run_flow(LATER, drain=False)
    found = limit(at_most=1, team=run.team)
    others = [run_flow("- {id: a, uses: test.probe}", drain=False) for _ in range(3)]
    claim("someone", limit=4)
    found.delete()
    assert concurrency.reconcile() == 3
    StepRun.objects.filter(run=run).update(state=StepState.CANCELLED)
    executor.drain()
    assert {r.state for r in Run.objects.filter(pk__in=[r.pk for r in others])} == {RunState.SUCCEEDED}


def test_who_has_to_wait_does_not_hide_who_need_not(run_flow: Runner) -> None:
    run_flow(WAIT)
    blocked = [run_flow(WAIT, drain=False) for _ in range(3)]
    free = run_flow("- {id: a, uses: test.probe}", drain=False)
    (step,) = claim("someone")
    assert step.run_id == free.pk
    assert {run.steps.get().queue for run in blocked} == {f"mutex:{free.team_id}:gpu"}
