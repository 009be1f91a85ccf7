"""Two people who answer at the same moment, each in a process's thread of their own, while a worker looks on."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models import QuerySet

from engine.models import Limit, Run, StepRun
from engine.outcomes import Succeeded
from engine.queue import concurrency
from engine.queue.claims import claim
from engine.runs import transitions
from engine.statuses import RunState, StepState
from engine.workers import executor
from people.models import Team, User
from tests.engine.conftest import Runner, starter
from tests.waiting import until

pytestmark = pytest.mark.django_db(transaction=True)

TIMES = 5  # a race is not lost every time


@pytest.fixture
def bob(team: Team) -> User:
    user = User.objects.create_user("bob", "bob@example.com", first_name="Bob")
    team.add(user, "engineer")
    return user


def at_once(*bodies: Callable[[], Any]) -> list[Any]:
    """What each of them comes to, begun together, each with a connection of its own."""
    gate = threading.Barrier(len(bodies))
    found: list[Any] = [None] * len(bodies)

    def run(at: int, body: Callable[[], Any]) -> None:
        try:
            gate.wait(120)
            found[at] = body()
        except Exception as error:
            found[at] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(bodies)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(240)
    return found


def step_of(run: Run) -> StepRun:
    return run.waiting_steps()[0]


@pytest.mark.parametrize("quorum", [1, 2])
def test_two_yeses_at_once_are_two_and_the_step_succeeds_once(run_flow: Runner, bob: User, quorum: int) -> None:
    for _ in range(TIMES):
        run = run_flow(f"- {{id: ask, uses: approve, with: {{by: team, quorum: {quorum}}}}}")
        votes = (partial(step_of(run).vote, user, approve=True) for user in (starter(run), bob))
        said = at_once(*votes, executor.drain)
        assert not any(isinstance(one, Exception) for one in said), said
        executor.drain()
        run.refresh_from_db()
        assert run.state == RunState.SUCCEEDED
        counted = run.steps.get().votes.count()
        assert quorum <= counted <= 2  # with a quorum of one, the second may have come too late
        assert run.steps.get().events.filter(kind="step.succeeded").count() == 1


def waits_for_a_lock() -> bool:
    """Whether somebody is queueing for what another has locked; where writers queue anyway there is nothing to see."""
    if connection.vendor != "postgresql":
        return True
    with connection.cursor() as cursor:
        # Other tests have databases of their own on this server. Who waits for a row holds locks on its table, and only
        # those name a database.
        cursor.execute(
            "SELECT 1 FROM pg_locks AS waits JOIN pg_locks AS holds USING (pid) JOIN pg_database AS ours"
            " ON ours.oid = holds.database WHERE NOT waits.granted AND ours.datname = current_database() LIMIT 1"
        )
        return cursor.fetchone() is not None


def test_a_vote_that_is_stored_while_a_worker_records_the_same_step_stops_neither(run_flow: Runner, bob: User) -> None:
    """The vote has the step and wants, for its event, that the run stays; the worker has the run and wants the step."""
    run = run_flow("- {id: ask, uses: approve, with: {by: team, quorum: 2}}")
    step_of(run).vote(bob, approve=True)
    [held] = claim("a worker")
    found, alice = executor.outcome_of(held), starter(run)
    voted, recording = threading.Event(), threading.Event()

    def vote() -> bool:
        with transaction.atomic():
            made = StepRun.objects.get(pk=held.pk).vote(alice, approve=True)
            voted.set()
            assert recording.wait(120)
            until(waits_for_a_lock)
        return made is not None

    def record() -> bool:
        assert voted.wait(120)
        recording.set()
        return transitions.record(held, found).written

    assert at_once(vote, record) == [True, True]
    executor.drain()
    assert Run.objects.get(pk=run.pk).state == RunState.SUCCEEDED


def test_a_vote_wakes_a_step_whose_worker_is_about_to_go_on_waiting(
    run_flow: Runner, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker has counted without it and stores that it waits, just when the voter finds that a worker has it."""
    run = run_flow("- {id: ask, uses: approve, with: {by: team, quorum: 2}}")
    step_of(run).vote(bob, approve=True)
    [held] = claim("a worker")
    found, alice = executor.outcome_of(held), starter(run)
    looked, recorded, update = threading.Event(), threading.Event(), QuerySet.update

    def slowly(rows: QuerySet[Any], **changes: Any) -> int:
        count = update(rows, **changes)
        if threading.current_thread() is not main and changes.get("state") == StepState.READY and not looked.is_set():
            looked.set()
            until(lambda: recorded.is_set() or waits_for_a_lock())
        return count

    def record() -> bool:
        assert looked.wait(120)
        written = transitions.record(held, found).written
        recorded.set()
        return written

    main = threading.current_thread()
    monkeypatch.setattr(QuerySet, "update", slowly)
    assert None not in at_once(partial(StepRun.objects.get(pk=held.pk).vote, alice, approve=True), record)
    executor.drain()
    assert Run.objects.get(pk=run.pk).state == RunState.SUCCEEDED


@pytest.fixture
def two_at_once(team: Team) -> Iterator[Limit]:
    """At most two of the team's steps are at work."""
    limit = Limit.objects.create(team=team, at_most=2)
    concurrency.limits.forget()
    yield limit
    concurrency.limits.forget()


def test_workers_that_claim_under_a_full_limit_stop_nobody(run_flow: Runner, two_at_once: Limit) -> None:
    for _ in range(12):
        run_flow("- {id: a, uses: test.probe}", drain=False)
    held = claim("first", 2)
    for _ in range(TIMES):
        StepRun.objects.exclude(pk__in=[step.pk for step in held]).update(state=StepState.READY, queue="")
        assert at_once(*(partial(claim, f"worker {n}") for n in range(4))) == [[]] * 4


def test_two_that_stop_at_once_let_in_two(run_flow: Runner, two_at_once: Limit) -> None:
    for _ in range(TIMES):
        for _ in range(4):
            run_flow("- {id: a, uses: test.probe}", drain=False)
        held = claim("first", 2)
        assert not claim("first", 2)
        assert StepRun.objects.filter(queue=two_at_once.key).count() == 2
        assert all(one.written for one in at_once(*(partial(transitions.record, step, Succeeded({})) for step in held)))
        assert not StepRun.objects.exclude(queue="").exists()
        executor.drain()


def test_one_person_who_says_yes_twice_at_once_is_one(run_flow: Runner) -> None:
    for _ in range(TIMES):
        run = run_flow("- {id: ask, uses: approve, with: {by: team, quorum: 2}}")
        step = step_of(run)
        said = at_once(*[partial(step.vote, starter(run), approve=True)] * 2)
        assert not any(isinstance(one, Exception) for one in said), said
        assert sum(vote is not None for vote in said) == 1
        assert step.votes.count() == 1


def test_a_manual_step_confirmed_by_two_at_once_takes_one_answer(run_flow: Runner, bob: User) -> None:
    for _ in range(TIMES):
        run = run_flow("- {id: hand, uses: manual, outputs: {who: text}}")
        step = step_of(run)
        people = (starter(run), bob)
        said = at_once(*(partial(step.confirm, user, {"who": user.username}) for user in people))
        assert sorted(said) == [False, True]
        executor.drain()
        assert Run.objects.get(pk=run.pk).state == RunState.SUCCEEDED
        assert run.steps.get().outputs["who"] == people[said.index(True)].username
