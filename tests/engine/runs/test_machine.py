"""The engine as a state machine: random flows under random kills, late and double deliveries, wrong clocks and people.

No doorbell is ever rung here, so everything rests on the database alone. What must hold at every moment, and that every
run ends, is checked against `engine.runs.successors.expected`, which knows nothing but which steps have ended.
"""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.utils import timezone
from hypothesis import HealthCheck, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from engine.actions.resume import Resume
from engine.definition.flow import Leaf, Node, read_path
from engine.models import Event, Limit, Run, StepRun, Target, Template
from engine.outcomes import Outcome
from engine.queue import claims, concurrency
from engine.queue.claims import claim
from engine.runs import transitions
from engine.runs.rebuild import decision_of, ended_steps, place_of
from engine.runs.successors import OpenBlock, expected
from engine.statuses import ENDED_RUNS, RunState, StepState
from engine.steps import catalogue
from engine.workers import executor
from people.models import Team, User
from tests.engine import kinds
from tests.engine.flows import MOST_ROUNDS, flows

pytestmark = pytest.mark.django_db

LEAVES = st.builds(
    lambda mutex, undo, retries, goes_on: Leaf(
        id="x", uses="test.probe", with_={"temporary": True}, mutex=mutex, retries=retries,
        on_failure="continue" if goes_on else "fail",
        compensate=Leaf(id="x", uses="test.probe") if undo else None,
    ),
    st.sampled_from(["", "gpu"]), st.booleans(), st.sampled_from([0, 2]), st.integers(0, 9).map(lambda n: n == 0),
)  # fmt: skip
SEEDS = range(5)  # each is a test of its own, so that two workers share them and none takes long
# A seed. PostgreSQL is several times slower, and loses less by its locks.
EXAMPLES = {"sqlite": 20, "postgresql": 6}
AT_MOST = 2  # steps at work at once, by a limit on the team
SKEWS = st.sampled_from([-3600, -30, 0, 0, 0, 30, 3600])  # seconds by which a worker's clock is wrong


class Machine(RuleBasedStateMachine):
    """One run at a time; workers that hold claims, some of which will never be heard of again."""

    team: Team
    alice: User
    target: Target

    @initialize(node=flows(LEAVES, depth=3), failing=st.dictionaries(st.integers(1, 12), st.integers(1, 4), max_size=3))
    def start(self, node: Node, failing: dict[int, int]) -> None:
        kinds.forget()
        kinds.FAILING.update({f"s{number}": times for number, times in failing.items()})
        Run.objects.all().delete()
        concurrency.limits.forget()
        revision = Template.objects.keep(catalogue.compose("probe", "", "probe", {}, node), self.alice)
        self.run = transitions.start(
            Run(revision=revision, team=self.team, target=self.target, started_by=self.alice)
        )  # fmt: skip
        self.held: list[tuple[StepRun, Outcome | None]] = []
        self.resumes = 0

    # --- workers ---

    @rule(skew=SKEWS, count=st.integers(1, 3), overdue_first=st.booleans())
    def a_worker_claims(self, skew: int, count: int, overdue_first: bool) -> None:
        # What an engine does now and then is done here when it is drawn, not by the clock.
        claimer = claims.Claimer(claims.new_owner(), reconcile=float("inf"))
        claimer.overdue_at = float("-inf" if overdue_first else "inf")
        with time_machine.travel(timezone.now() + timedelta(seconds=skew), tick=False):
            self.held += [(step, None) for step in claimer.claim(count)]

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def a_worker_executes(self, data: st.DataObject) -> None:
        at = data.draw(st.integers(0, len(self.held) - 1))
        step, outcome = self.held[at]
        self.held[at] = (step, outcome or executor.outcome_of(step))

    @precondition(lambda self: any(outcome for _, outcome in self.held))
    @rule(data=st.data(), go_on=st.booleans())
    def a_worker_records_twice(self, data: st.DataObject, go_on: bool) -> None:
        done = [at for at, (_, outcome) in enumerate(self.held) if outcome]
        step, outcome = self.held.pop(data.draw(st.sampled_from(done)))
        assert outcome
        claimer = claims.Claimer(step.owner, reconcile=float("inf")) if go_on else None
        recorded = transitions.record(step, outcome, take_next=claimer)
        assert not transitions.record(step, outcome).written
        if recorded.next:
            self.held.append((recorded.next, None))

    @precondition(lambda self: self.held)
    @rule(data=st.data(), soon=st.booleans())
    def a_worker_is_killed(self, data: st.DataObject, soon: bool) -> None:
        """Sometimes its lease runs out at once and it may still come too late; sometimes it is merely gone."""
        step, _ = self.held[data.draw(st.integers(0, len(self.held) - 1))]
        StepRun.objects.filter(pk=step.pk, owner=step.owner).update(lease_until=timezone.now() - timedelta(seconds=1))
        if soon:
            self.held = [(other, outcome) for other, outcome in self.held if other.pk != step.pk]

    @rule(count=st.integers(1, 4))
    def a_worker_does_its_work(self, count: int) -> None:
        for _ in range(count):
            for step in claim(claims.new_owner()):
                executor.execute(step)

    @rule(clock=st.sampled_from([concurrency.reconcile, claims.clock_was_set_back]))
    def an_engine_looks_after_the_forgotten(self, clock: Any) -> None:
        clock()

    @rule()
    def time_passes(self) -> None:
        self.run.steps.filter(wake_at__isnull=False).update(wake_at=timezone.now())

    # --- people ---

    @rule(data=st.data())
    def somebody_answers(self, data: st.DataObject) -> None:
        if asking := list(self.run.waiting_steps()):
            answer(data.draw(st.sampled_from(asking)), self.alice, data.draw(st.integers(0, 2)))

    @rule(verb=st.sampled_from([transitions.pause, transitions.go_on, transitions.go_on]))
    def somebody_pauses_or_continues(self, verb: Any) -> None:
        self.tried(verb)

    @precondition(lambda self: self.resumes < 3)
    @rule()
    def somebody_resumes(self) -> None:
        if self.tried(lambda run, user: Resume(run, user).execute()):
            self.resumes += 1

    @rule(sure=st.integers(0, 9))
    def somebody_cancels(self, sure: int) -> None:
        if sure == 0:
            self.tried(transitions.cancel)

    def tried(self, verb: Any) -> bool:
        self.run.refresh_from_db()
        try:
            verb(self.run, self.alice)
        except transitions.NotPossible:
            return False
        return True

    # --- what holds ---

    @invariant()
    def what_is_open_is_what_is_due(self) -> None:
        self.run.refresh_from_db()
        if self.run.state not in (RunState.RUNNING, RunState.PAUSED):
            return
        if self.run.steps.filter(purpose=StepRun.Purpose.UNDO, state__in=("ready", "running", "waiting")).exists():
            return  # resuming: first the traffic
        ended = {place: decision_of(row) for place, row in ended_steps(self.run).items()}
        found = expected(self.run.flow, ended)
        assert {place_of(row) for row in self.run.live_steps()} == found.due
        blocks = self.run.blocks.filter(closed_at=None)
        assert found.blocks == {
            (read_path(b.path), read_path(b.iteration)): OpenBlock(b.open_children, b.round, b.total) for b in blocks
        }

    @invariant()
    def nothing_succeeds_twice_in_one_attempt(self) -> None:
        done = Event.objects.filter(run=self.run, kind="step.succeeded").values_list("step", "data__attempt")
        assert [key for key, times in Counter(done).items() if times > 1] == []

    @invariant()
    def no_more_are_at_work_than_may_be(self) -> None:
        at_work = self.run.steps.filter(concurrency.WORKING)
        assert at_work.count() <= AT_MOST
        assert self.run.steps.exclude(mutex="").filter(concurrency.HOLDING).count() <= 1

    @invariant()
    def a_run_that_is_over_has_nothing_open(self) -> None:
        self.run.refresh_from_db()
        if self.run.state in ENDED_RUNS:
            assert not self.run.live_steps().exists()
        if self.run.state in (RunState.FAILED, RunState.CANCELLED):
            undoable = [leaf.id for leaf in self.run.flow.leaves() if leaf.compensate]
            left = self.run.steps.filter(leaf__in=undoable, purpose="leaf", state=StepState.SUCCEEDED, undone=False)
            assert not left.exists()

    def teardown(self) -> None:
        """Whatever was done to it: once people answer and workers are left alone, it ends."""
        if not hasattr(self, "run"):
            return
        for _ in range(400):
            self.run.refresh_from_db()
            if self.run.ended:
                break
            self.tried(transitions.go_on)
            StepRun.objects.filter(state=StepState.RUNNING).update(lease_until=timezone.now() - timedelta(seconds=1))
            self.time_passes()
            concurrency.reconcile()
            executor.drain()
            for step in self.run.waiting_steps():
                answer(step, self.alice, 0)
        assert self.run.ended, [f"{s} {s.purpose} {s.state} {s.queue}" for s in self.run.live_steps()]
        self.what_is_open_is_what_is_due()
        self.nothing_succeeds_twice_in_one_attempt()
        self.a_run_that_is_over_has_nothing_open()
        assert not StepRun.objects.exclude(queue="").filter(run=self.run).exists()


def answer(step: StepRun, user: User, pick: int) -> None:
    """Any of the choices; a repeat at its bound has had enough."""
    choices = (step.asking or {})["needs"]["choices"]
    at_bound = "enough" in choices and step.iteration.split(".")[-1] == str(MOST_ROUNDS)
    step.confirm(user, {"choice": "enough" if at_bound else choices[pick % len(choices)]})


@pytest.mark.timeout(600)
@pytest.mark.parametrize("number", SEEDS)
def test_whatever_happens_every_run_ends_and_nothing_is_done_twice(
    team: Team, alice: User, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    @seed(number)
    class Here(Machine):
        pass

    Here.team, Here.alice = team, alice
    Here.target = Target.objects.create(team=team, name="dummy", kind="dummy")
    Limit.objects.create(team=team, at_most=AT_MOST)
    # Time stands still but for `time_passes`: else a slow machine sees other steps due than the example before it.
    with time_machine.travel(timezone.now(), tick=False):
        run_state_machine_as_test(
            Here,
            settings=settings(
                max_examples=EXAMPLES[connection.vendor],
                stateful_step_count=50,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
