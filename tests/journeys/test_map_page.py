"""/journeys/J/: the map as it is shown, its cells edited and undone, two people at one cell."""

import pytest

from journeys.models import Cell, CellEdit, MapStep
from tests.conftest import signed_in


@pytest.fixture
def as_clara(clara):
    return signed_in(clara)


@pytest.fixture
def cell(current) -> Cell:
    return Cell.objects.get(step__map=current, step__key="match-features", lane="does")


def edit(client, cell: Cell, text: str, revision: int | None = None):
    shown = cell.revision if revision is None else revision
    return client.post(f"/journeys/cells/{cell.pk}/", {"text": text, "revision": shown})


def test_it_shows_what_was_seen(as_alice, current):
    page = as_alice.get("/journeys/ship/").content.decode()
    assert "Compares columns by eye" in page
    assert "9 min" in page
    assert "If a column moved I find out from the on-call." in page
    assert "no parity check" in page
    assert 'role="grid"' in page
    assert 'class="course"' in page


def test_what_nobody_saw_is_hatched_and_said_to_be_assumed(as_alice, ideal):
    page = " ".join(as_alice.get("/journeys/ship/?map=ideal").content.decode().split())
    assert "none-seen" in page
    assert "assumed:</span> Trains again in their own notebook" in page


def test_everybody_reads_and_only_the_champion_edits(as_bob, as_charlie, as_clara, cell):
    assert as_charlie.get("/journeys/ship/").status_code == 200
    assert "data-edit" not in as_charlie.get("/journeys/ship/").content.decode()
    assert "data-edit" in as_clara.get("/journeys/ship/").content.decode()
    assert as_bob.get(f"/journeys/cells/{cell.pk}/?edit").status_code == 403
    assert edit(as_bob, cell, "mine").status_code == 403
    assert edit(as_charlie, cell, "mine").status_code == 403


def test_the_champion_writes_a_cell_and_the_cell_comes_back(as_clara, cell, clara):
    shown = edit(as_clara, cell, "Opens two notebooks side by side")
    assert "Opens two notebooks side by side" in shown.content.decode()
    cell.refresh_from_db()
    assert (cell.text, cell.revision, cell.changed_by) == ("Opens two notebooks side by side", 1, clara)


def test_an_empty_cell_lets_the_evidence_speak_again(as_clara, cell):
    edit(as_clara, cell, "Mine")
    assert "Compares columns by eye" in edit(as_clara, cell, "", revision=1).content.decode()


def test_what_is_typed_is_shown_as_text(as_clara, cell):
    shown = edit(as_clara, cell, "<script>alert(1)</script>").content.decode()
    assert "<script>" not in shown


def test_a_text_that_is_too_long_stays_in_the_box(as_clara, cell):
    shown = edit(as_clara, cell, "x" * 2001)
    assert shown.status_code == 422
    assert "x" * 2001 in shown.content.decode()


def test_two_people_at_one_cell_see_mine_and_theirs(as_clara, alice, ml, cell):
    ml.champions.create(user=alice)
    edit(as_clara, cell, "Clara's words")
    late = edit(signed_in(alice), cell, "Alice's words", revision=0)
    page = late.content.decode()
    assert late.status_code == 409
    assert "Clara changed this meanwhile" in page
    assert "Clara&#x27;s words" in page
    assert "Alice&#x27;s words" in page
    assert "Keep mine" in page
    assert "Take theirs" in page
    assert edit(signed_in(alice), cell, "Alice's words", revision=1).status_code == 200


def test_undo_takes_the_last_edit_back_and_is_itself_kept(as_clara, cell):
    edit(as_clara, cell, "first")
    edit(as_clara, cell, "second", revision=1)
    assert "back to what it said before" in as_clara.post("/journeys/ship/current/undo/", follow=True).content.decode()
    cell.refresh_from_db()
    assert cell.text == "first"
    as_clara.post("/journeys/ship/current/undo/")
    cell.refresh_from_db()
    assert cell.text == ""
    assert CellEdit.objects.count() == 4
    assert "nothing of yours to undo" in as_clara.post("/journeys/ship/current/undo/", follow=True).content.decode()


def test_undo_leaves_alone_what_somebody_changed_since(as_clara, alice, ml, cell):
    edit(as_clara, cell, "Clara's")
    ml.champions.create(user=alice)
    edit(signed_in(alice), cell, "Alice's", revision=1)
    assert "it was left alone" in as_clara.post("/journeys/ship/current/undo/", follow=True).content.decode()
    cell.refresh_from_db()
    assert cell.text == "Alice's"


def test_nobody_undoes_for_another(as_bob, as_clara, cell):
    edit(as_clara, cell, "Clara's")
    assert as_bob.post("/journeys/ship/current/undo/").status_code == 403


def test_the_evidence_of_a_step_is_listed_with_its_way_up(as_alice, current, quote):
    step = MapStep.objects.get(map=current, key="match-features")
    page = as_alice.get(f"/journeys/steps/{step.pk}/evidence/").content.decode()
    assert quote.text in page
    assert f"/trace/observation/{quote.pk}/" in page


def test_drafting_again_keeps_what_was_written(as_clara, cell):
    edit(as_clara, cell, "The champion's words")
    as_clara.post("/journeys/ship/draft/")
    cell.refresh_from_db()
    assert cell.text == "The champion's words"


def test_a_map_of_a_removed_study_is_gone(as_clara, current, study):
    study.remove()
    assert as_clara.get("/journeys/ship/").status_code == 404
