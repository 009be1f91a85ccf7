"""manual: a person does it and confirms, with the outputs the leaf declares."""

import pytest

from engine.workers import executor

pytestmark = pytest.mark.django_db


def confirmed(row, user, **values):
    row.refresh_from_db()
    assert row.confirm(user, values)
    executor.drain()
    row.refresh_from_db()
    return row


def test_it_asks_the_instructions_and_takes_the_time(step, alice):
    row = step("uses: manual, with: {instructions: Train again, by: champion}")
    assert (row.asking["question"], row.asking["by"], row.asking["verb"]) == ("Train again", ["champion"], "confirm")
    row = confirmed(row, alice)
    assert row.state == "succeeded"
    assert row.note == "confirmed by alice"
    assert row.ended_at >= row.asked_at


def test_it_asks_again_for_what_is_missing_or_does_not_fit(step, alice):
    row = step("uses: manual, outputs: {rows: integer, why: text}")
    row = confirmed(row, alice, rows="many")
    assert row.asking["question"] == "A step — still needs: why"
    row = confirmed(row, alice, rows="many", why="because")
    assert row.state == "waiting"
    assert "many" in row.asking["question"]
    row = confirmed(row, alice, rows="12", why="because")
    assert row.outputs == {"rows": 12, "why": "because"}


def test_who_is_second_changes_nothing(step, alice):
    row = step("uses: manual")
    same = type(row).objects.get(pk=row.pk)
    assert row.confirm(alice)
    assert not same.confirm(alice)
