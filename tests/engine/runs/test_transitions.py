"""A run goes through its flow: each block, each way to end, each way to go on."""

from __future__ import annotations

import os
import subprocess

import pytest
import time_machine
from django.utils import timezone

from engine.actions.resume import Resume, reset_set
from engine.models import Block, StepRun
from engine.queue import claims
from engine.queue.claims import claim
from engine.runs import transitions
from engine.statuses import RunState, StepState
from engine.workers import executor
from tests.engine import kinds
from tests.engine.conftest import Runner, asked_of, hurry, starter, states

pytestmark = pytest.mark.django_db


def test_a_sequence_runs_its_steps_in_order(run_flow: Runner) -> None:
    run = run_flow("""
        - {id: a, uses: test.probe, with: {value: 1}}
        - {id: b, uses: test.probe, with: {value: "${{ steps.a.outputs.number + 0.5 }}"}}
    """)
    assert run.state == RunState.SUCCEEDED, [(s.leaf, s.reason) for s in run.steps.all()] + [
        e.text for e in run.events.all()
    ]
    assert run.steps.get(leaf="b").outputs["number"] == 1.5


def test_a_parallel_waits_for_all_its_branches(run_flow: Runner) -> None:
    run = run_flow(
        """
        - parallel:
            - [{id: a, uses: test.probe}, {id: b, uses: test.probe}]
            - [{id: wait, uses: manual}]
        - {id: last, uses: test.probe}
    """
    )
    assert states(run) == {"a": "succeeded", "b": "succeeded", "wait": "waiting"}
    wait = run.steps.get(leaf="wait")
    assert wait.confirm(starter(run))
    executor.drain()
    run.refresh_from_db()
    assert run.state == RunState.SUCCEEDED
    assert states(run)["last"] == "succeeded"
    assert not Block.objects.filter(run=run, open_children__gt=0).exists()


@pytest.mark.parametrize(("value", "taken"), [(1, "high"), (0, "low")])
def test_a_choice_takes_the_first_branch_that_applies(run_flow: Runner, value: int, taken: str) -> None:
    run = run_flow(
        """
        - {id: a, uses: test.probe, with: {value: "${{ inputs.n }}"}}
        - choose:
            - {when: "steps.a.outputs.number > 0.5", flow: [{id: high, uses: test.probe}]}
            - {otherwise: true, flow: [{id: low, uses: test.probe}]}
        - {id: last, uses: test.probe}
    """,
        inputs="n: {type: integer}",
        n=value,
    )
    assert states(run) == {"a": "succeeded", taken: "succeeded", "last": "succeeded"}


REPEAT = """
    - repeat:
        at_most: 3
        until: "steps.measure.outputs.number >= 2"
        flow:
          - id: measure
            uses: test.probe
            with: {value: "${{ has(steps.train.outputs) ? steps.train.outputs.value : 0 }}"}
        again:
          - {id: train, uses: test.probe, with: {value: "${{ steps.measure.outputs.value + 1 }}"}}
    - {id: last, uses: test.probe, with: {value: "${{ steps.measure.outputs.value }}"}}
"""


def test_a_repeat_sees_the_previous_rounds_again_and_the_last_round_from_outside(run_flow: Runner) -> None:
    run = run_flow(REPEAT)
    assert run.state == RunState.SUCCEEDED
    assert list(states(run)) == ["measure[1]", "train[1]", "measure[2]", "train[2]", "measure[3]", "last"]
    assert run.steps.get(leaf="last").outputs["value"] == 2


def test_a_repeat_that_reaches_its_bound_fails(run_flow: Runner) -> None:
    run = run_flow(REPEAT.replace("at_most: 3", "at_most: 2"))
    assert run.state == RunState.FAILED
    assert "2 rounds were not enough" in run.reason


def test_a_failed_step_cancels_its_parallel_siblings_and_fails_the_run(run_flow: Runner) -> None:
    kinds.FAILING["bad"] = -1
    run = run_flow("- parallel: [[{id: wait, uses: manual}], [{id: bad, uses: test.probe}]]")
    assert run.state == RunState.FAILED
    assert run.reason == "bad: bad was told to fail"
    assert states(run) == {"wait": "cancelled", "bad": "failed"}


def test_a_step_that_may_fail_lets_the_run_go_on(run_flow: Runner) -> None:
    kinds.FAILING["bad"] = -1
    run = run_flow("[{id: bad, uses: test.probe, on_failure: continue}, {id: next, uses: test.probe}]")
    assert run.state == RunState.SUCCEEDED
    assert states(run) == {"bad": "failed", "next": "succeeded"}


def test_a_temporary_failure_is_tried_again_as_often_as_allowed(run_flow: Runner) -> None:
    kinds.FAILING["shaky"] = 2
    run = run_flow("- {id: shaky, uses: test.probe, retries: 2, with: {temporary: true}}")
    for _ in range(2):
        assert run.state == RunState.RUNNING
        hurry(run)
        executor.drain()
        run.refresh_from_db()
    assert run.state == RunState.SUCCEEDED
    assert run.steps.get(leaf="shaky").attempt == 3


def test_resume_runs_the_failed_step_again_and_keeps_what_succeeded(run_flow: Runner) -> None:
    kinds.FAILING["b"] = 1
    run = run_flow("[{id: a, uses: test.probe}, {id: b, uses: test.probe}, {id: c, uses: test.probe}]")
    assert run.state == RunState.FAILED
    assert [s.leaf for s in reset_set(run)] == ["b"]
    Resume(run, run.started_by).execute()
    executor.drain()
    run.refresh_from_db()
    assert run.state == RunState.SUCCEEDED
    assert kinds.DONE == {"a[]": 1, "b[]": 1, "c[]": 1}


def test_only_a_failed_run_is_resumed(run_flow: Runner) -> None:
    run = run_flow("- {id: a, uses: test.probe}")
    with pytest.raises(transitions.NotPossible, match="has not failed"):
        Resume(run, run.started_by).execute()


def test_cancel_works_while_a_step_waits_for_a_person(run_flow: Runner) -> None:
    run = run_flow("- {id: wait, uses: manual}")
    transitions.cancel(run, run.started_by)
    executor.drain()
    run.refresh_from_db()
    assert run.state == RunState.CANCELLED
    assert run.reason == "cancelled by Alice"
    assert not run.steps.get(leaf="wait").confirm(starter(run))


def test_cancel_waits_for_the_worker_that_holds_a_step(run_flow: Runner) -> None:
    run = run_flow("[{id: a, uses: test.probe}, {id: b, uses: test.probe}]", drain=False)
    (held,) = claim("somebody")
    transitions.cancel(run, run.started_by)
    run.refresh_from_db()
    assert run.state == RunState.CANCELLING
    executor.execute(held)
    executor.drain()
    run.refresh_from_db()
    assert run.state == RunState.CANCELLED
    assert "b" not in states(run)


def test_a_worker_that_lost_its_claim_changes_nothing(run_flow: Runner) -> None:
    run = run_flow("[{id: a, uses: test.probe}, {id: b, uses: test.probe}]", drain=False)
    (late,) = claim("late")
    StepRun.objects.filter(pk=late.pk).update(lease_until="2020-01-01T00:00:00Z")
    (taken,) = claim("quick")
    assert taken.pk == late.pk
    assert executor.execute(taken)
    assert not executor.execute(late)
    assert run.steps.filter(leaf="b").count() == 1


def test_when_decides_whether_a_step_runs(run_flow: Runner) -> None:
    run = run_flow('- {id: a, uses: test.probe, when: "inputs.go == true"}', inputs="go: {type: boolean}", go=False)
    assert run.steps.get(leaf="a").state == StepState.SKIPPED
    assert run.state == RunState.SUCCEEDED


def test_a_step_that_takes_too_long_fails(run_flow: Runner) -> None:
    run = run_flow("- {id: slow, uses: test.probe, timeout: 0.001, with: {later: true}}")
    assert run.state == RunState.FAILED
    assert "longer than the 0.001 s" in run.reason


def test_a_person_decides_a_choice_without_a_rule(run_flow: Runner) -> None:
    run = run_flow(
        """
        - ask: person
          choose:
            - {label: left, flow: [{id: l, uses: test.probe}]}
            - {label: right, flow: [{id: r, uses: test.probe}]}
    """
    )
    (asked,) = run.waiting_steps()
    assert asked_of(asked)["needs"]["choices"] == ["left", "right"]
    asked.confirm(starter(run), {"choice": "right"})
    executor.drain()
    assert states(run) == {"r": "succeeded"}


def test_a_manual_step_asks_until_its_outputs_are_given(run_flow: Runner) -> None:
    run = run_flow("- {id: count, uses: manual, outputs: {rows: integer}}")
    for answer, state in (({}, "waiting"), ({"rows": "many"}, "waiting"), ({"rows": "12"}, "succeeded")):
        run.steps.get(leaf="count").confirm(starter(run), answer)
        executor.drain()
        assert run.steps.get(leaf="count").state == state
    assert run.steps.get(leaf="count").outputs == {"rows": 12}


def test_one_refusal_fails_an_approval_with_its_reason(run_flow: Runner) -> None:
    run = run_flow("- {id: owner, uses: approve}")
    run.steps.get(leaf="owner").vote(starter(run), approve=False, comment="not on a Friday")
    executor.drain()
    run.refresh_from_db()
    assert run.reason == "owner: Alice refused: not on a Friday"


def test_somebody_votes_once(run_flow: Runner) -> None:
    run = run_flow("- {id: owner, uses: approve, with: {quorum: 2}}")
    step = run.steps.get(leaf="owner")
    assert step.vote(starter(run), approve=True)
    executor.drain()
    step.refresh_from_db()
    assert step.vote(starter(run), approve=True) is None
    assert "1 of 2 so far" in asked_of(step)["question"]


def test_a_target_in_trouble_for_a_moment_fails_no_step(run_flow: Runner) -> None:
    kinds.TROUBLED["a"] = 2
    with time_machine.travel(timezone.now(), tick=False):  # it is asked again after half a second, not meanwhile
        run = run_flow("- {id: a, uses: test.probe}")
        for _ in range(2):
            assert run.state == RunState.RUNNING
            hurry(run)
            executor.drain()
            run.refresh_from_db()
    assert run.state == RunState.SUCCEEDED
    assert run.steps.get(leaf="a").attempt == 1  # the same attempt: what it had started keeps its name


def test_a_target_that_stays_in_trouble_fails_the_step_in_the_end(run_flow: Runner) -> None:
    kinds.TROUBLED["a"] = -1
    run = run_flow("- {id: a, uses: test.probe}")
    for _ in range(executor.TROUBLES):
        hurry(run)
        executor.drain()
    run.refresh_from_db()
    assert run.reason == "a: the target does not answer"


def test_what_a_dead_engine_of_this_machine_held_is_let_go_at_once(run_flow: Runner) -> None:
    run = run_flow("- {id: a, uses: test.probe}", drain=False)
    ended = subprocess.Popen(["true"])
    ended.wait()
    dead = claims.new_owner().replace(f":{os.getpid()}:", f":{ended.pid}:")
    (held,) = claim(dead)
    assert claim("next") == []
    assert claims.release_the_dead() == 1
    (taken,) = claim("next")
    assert taken.pk == held.pk
    assert executor.execute(taken)
    assert not executor.execute(held)
    assert run.steps.get(leaf="a").state == StepState.SUCCEEDED


def test_what_a_living_engine_holds_is_left_alone(run_flow: Runner) -> None:
    run_flow("- {id: a, uses: test.probe}", drain=False)
    claim(claims.new_owner())
    assert claims.release_the_dead() == 0
