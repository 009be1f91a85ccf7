"""approve: asks people for a yes; one no refuses."""

import pytest
import time_machine

from engine.queue.claims import claim
from engine.runs import transitions
from engine.workers import executor

pytestmark = pytest.mark.django_db


def test_it_asks_the_champion_its_title(step):
    row = step("uses: approve")
    assert row.state == "waiting"
    assert (row.asking["question"], row.asking["by"], row.asking["verb"]) == ("A step?", ["champion"], "approve")


def test_a_yes_is_enough_and_names_who_said_it(step, alice):
    row = step("uses: approve, with: {question: 'Serve it?'}")
    assert row.vote(alice, approve=True, comment="looks right")
    executor.drain()
    row.refresh_from_db()
    assert row.state == "succeeded"
    assert row.outputs == {"approved_by": "Alice", "comment": "looks right"}


def test_a_no_fails_the_run_with_the_reason(step, alice):
    row = step("uses: approve")
    row.vote(alice, approve=False, comment="not on a Friday")
    executor.drain()
    row.refresh_from_db()
    assert row.state == "failed"
    assert row.reason == "Alice refused: not on a Friday"


def test_a_quorum_of_two_asks_again_after_the_first_and_nobody_votes_twice(step, alice, team):
    row = step("uses: approve, with: {quorum: 2, question: 'Serve it?'}")
    assert row.asking["question"] == "Serve it? (0 of 2 so far)"
    row.vote(alice, approve=True)
    executor.drain()
    row.refresh_from_db()
    assert row.asking["question"] == "Serve it? (1 of 2 so far)"
    assert row.vote(alice, approve=True) is None
    bob = type(alice).objects.create_user("bob", first_name="Bob")
    row.vote(bob, approve=True)
    executor.drain()
    row.refresh_from_db()
    assert row.outputs["approved_by"] == "Alice, Bob"


def test_two_who_vote_at_once_are_two(step, alice, team):
    """The second says yes while a worker still counts the first."""
    row = step("uses: approve, with: {quorum: 2, by: [engineer, bob]}")
    bob = type(alice).objects.create_user("bob", first_name="Bob")
    row.vote(alice, approve=True)
    (held,) = claim("counts")
    outcome = executor.outcome_of(held)
    assert row.vote(bob, approve=True)
    transitions.record(held, outcome)
    executor.drain()
    row.refresh_from_db()
    assert row.outputs["approved_by"] == "Alice, Bob"


def test_whoever_started_the_run_may_not_be_the_second_person(step, alice, team):
    row = step("uses: approve, with: {by: team, second_person: true}")
    assert not row.may_answer(alice)
    assert row.why_not(alice) == "A second person has to say so: you started this."
    bob = type(alice).objects.create_user("bob", first_name="Bob")
    team.add(bob, "engineer")
    assert row.may_answer(bob)


@pytest.mark.parametrize(("by", "may"), [("engineer", True), ("[executive, alice]", True), ("executive", False)])
def test_a_group_is_a_role_a_name_or_several(step, alice, by, may):
    assert step(f"uses: approve, with: {{by: {by}}}").may_answer(alice) is may


@pytest.mark.parametrize(
    ("policy", "state", "note"),
    [("fail", "failed", "0 of 1 had said yes when the time was up."), ("approve", "succeeded", ""),
     ("skip", "skipped", "0 of 1 had said yes when the time was up")],
)  # fmt: skip
def test_at_the_deadline_it_does_what_it_was_told_to(step, policy, state, note):
    row = step(f"uses: approve, with: {{deadline: 3600, on_deadline: {policy}}}")
    assert row.wake_at
    with time_machine.travel(row.wake_at):
        executor.drain()
    row.refresh_from_db()
    assert (row.state, row.reason) == (state, note)


@pytest.mark.parametrize("by", ["[]", '""'])
def test_whom_nobody_named_is_the_champion_and_not_everybody(step, by):
    row = step(f"uses: approve, with: {{by: {by}}}")
    assert row.asks.by == ("champion",)
