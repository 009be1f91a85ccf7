"""approve: asks people for a yes; one no refuses."""

import pytest

from engine import worker

pytestmark = pytest.mark.django_db


def test_it_asks_the_champion_its_title(step):
    row = step("uses: approve")
    assert row.state == "waiting"
    assert (row.asking["question"], row.asking["by"], row.asking["verb"]) == ("A step?", "champion", "approve")


def test_a_yes_is_enough_and_names_who_said_it(step, alice):
    row = step("uses: approve, with: {question: 'Serve it?'}")
    assert row.vote(alice, approve=True, comment="looks right")
    worker.drain()
    row.refresh_from_db()
    assert row.state == "succeeded"
    assert row.outputs == {"approved_by": "Alice", "comment": "looks right"}


def test_a_no_fails_the_run_with_the_reason(step, alice):
    row = step("uses: approve")
    row.vote(alice, approve=False, comment="not on a Friday")
    worker.drain()
    row.refresh_from_db()
    assert row.state == "failed"
    assert row.reason == "Alice refused: not on a Friday"


def test_a_quorum_of_two_asks_again_after_the_first_and_nobody_votes_twice(step, alice, team):
    row = step("uses: approve, with: {quorum: 2, question: 'Serve it?'}")
    assert row.asking["question"] == "Serve it? (0 of 2 so far)"
    row.vote(alice, approve=True)
    worker.drain()
    row.refresh_from_db()
    assert row.asking["question"] == "Serve it? (1 of 2 so far)"
    assert row.vote(alice, approve=True) is None
    bob = type(alice).objects.create_user("bob", first_name="Bob")
    row.vote(bob, approve=True)
    worker.drain()
    row.refresh_from_db()
    assert row.outputs["approved_by"] == "Alice, Bob"
