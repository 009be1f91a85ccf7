"""/runs/R/resume/: what would run again, and inputs corrected before it does."""

from django.core.files.uploadedfile import SimpleUploadedFile

from engine.models import Artefact
from tests.conftest import signed_in
from tests.running import HAND


def here(run) -> str:
    return f"/runs/{run.pk}/resume/"


def test_it_lists_what_would_run_again(as_bob, failed):
    page = as_bob.get(here(failed)).content.decode()
    assert "What would run again" in page
    assert "Take it out" in page
    assert 'name="rows" value="3"' in page


def test_the_run_lists_the_steps_that_were_undone(as_bob, failed):
    page = as_bob.get(f"/runs/{failed.pk}/").content.decode()
    assert "Undo Take it out" in page
    assert ">Undone</span>" in page


def test_corrected_inputs_are_stored_and_said(as_bob, failed):
    table = SimpleUploadedFile("rows.csv", b"a,b")
    assert as_bob.post(here(failed), {"rows": "4", "note": "on a Monday", "table": table}).status_code == 302
    failed.refresh_from_db()
    assert failed.state == "running"
    assert failed.inputs["rows"] == 4
    assert failed.inputs["note"] == "on a Monday"
    assert failed.inputs["table"]["name"] == "rows.csv"
    said = failed.events.get(kind="run.resumed")
    assert said.data["inputs"]["rows"] == [3, 4]


def test_what_is_left_as_it_was_is_no_correction(as_bob, failed):
    as_bob.post(here(failed), {"rows": "3", "note": ""})
    assert failed.events.get(kind="run.resumed").data["inputs"] == {}


def test_a_wrong_value_is_shown_at_its_field_and_nothing_is_lost(as_bob, failed):
    page = as_bob.post(here(failed), {"rows": "many", "note": "on a Monday"})
    assert page.status_code == 422
    assert "Enter a whole number" in page.content.decode()
    assert "on a Monday" in page.content.decode()
    failed.refresh_from_db()
    assert failed.state == "failed"


def test_one_looks_before_it_goes_on_and_the_file_is_kept(as_bob, failed):
    table = SimpleUploadedFile("rows.csv", b"a,b")
    page = as_bob.post(here(failed), {"rows": "4", "table": table, "look": "1"}).content.decode()
    kept = Artefact.objects.get()
    assert "What would run again with another value of" in page
    assert "rows.csv, 3 bytes" in page
    as_bob.post(here(failed), {"rows": "4", "table": kept.sha256})
    failed.refresh_from_db()
    assert failed.inputs["table"]["sha256"] == kept.sha256


def test_a_run_that_has_not_failed_says_why_it_is_not_resumed(as_bob, begin):
    run = begin(HAND)
    page = as_bob.get(here(run)).content.decode()
    assert "only a failed run is resumed" in page
    assert "Correct its inputs" not in page


def test_a_viewer_looks_and_may_not_resume(failed, vera):
    client = signed_in(vera)
    assert "Correct its inputs" not in client.get(here(failed)).content.decode()
    assert client.post(here(failed)).status_code == 403


def test_to_a_stranger_it_does_not_exist(as_charlie, failed):
    assert as_charlie.get(here(failed)).status_code == 404
