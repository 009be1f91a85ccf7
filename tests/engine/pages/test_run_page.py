"""/runs/R/: what it says, what it asks, and the answers people give it."""

from django.core.files.uploadedfile import SimpleUploadedFile

from engine.models import Artefact, Run, StepRun
from engine.workers import executor
from people.access import fetch
from tests.conftest import signed_in


def file(name: str = "forest.pkl") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, b"a model")


def test_it_shows_the_course_the_steps_and_what_people_took(as_bob, asking):
    page = as_bob.get(f"/runs/{asking.run_id}/").content.decode()
    assert 'class="course"' in page
    assert "Match features" in page
    assert "9 min" in page  # what it took the person who was watched
    assert "Hand the new file in" in page
    assert "Drift is watched" in page


def test_what_happens_while_the_page_is_made_is_still_told_to_it(as_bob, asking, monkeypatch):
    """The page listens from the event it names on; all of the page is read after that one."""
    run = asking.run

    def fetched(*args, **kwargs):
        row = fetch(*args, **kwargs)
        run.say("step.log", "said in between")
        return row

    monkeypatch.setattr("engine.views.runs.fetch", fetched)
    page = as_bob.get(f"/runs/{run.pk}/").content.decode()
    said = run.events.get(text="said in between")
    assert int(page.split('data-after="')[1].split('"')[0]) < said.pk


def test_to_a_stranger_it_does_not_exist(as_charlie, asking):
    here = f"/runs/{asking.run_id}/"
    assert as_charlie.get(here).status_code == 404
    assert as_charlie.get(f"{here}steps/{asking.pk}/").status_code == 404
    assert as_charlie.get(f"{here}evidence/").status_code == 404
    assert as_charlie.get(f"{here}events/").status_code == 404
    for verb in ("cancel/", "resume/", f"steps/{asking.pk}/approve/", f"steps/{asking.pk}/confirm/"):
        assert as_charlie.post(f"{here}{verb}").status_code == 404


def test_a_step_of_another_run_is_not_found_under_this_one(as_alice, asking, revision, team, dummy):
    other = Run.objects.create(revision=revision, team=team, target=dummy)
    assert as_alice.get(f"/runs/{other.pk}/steps/{asking.pk}/").status_code == 404


def test_the_part_that_changes_comes_alone(as_bob, asking):
    part = as_bob.get(f"/runs/{asking.run_id}/?part=now").content.decode()
    assert "<html" not in part
    assert 'id="run-steps" hx-swap-oob="innerHTML"' in part
    assert "<form" not in as_bob.get(f"/runs/{asking.run_id}/?part=now").content.decode()


def test_somebody_confirms_with_a_file(as_bob, asking, bob):
    answer = {"model": file(), "comment": "a forest"}
    assert as_bob.post(f"/runs/{asking.run_id}/steps/{asking.pk}/confirm/", answer).status_code == 302
    asking.refresh_from_db()
    assert asking.answer["values"]["model"]["name"] == "forest.pkl"
    assert Artefact.objects.get().made_by == bob


def test_a_file_that_is_missing_is_asked_for_and_what_was_typed_stays(as_bob, asking):
    here = f"/runs/{asking.run_id}/steps/{asking.pk}/confirm/"
    page = as_bob.post(here, {"comment": "a forest on all ten features"})
    assert page.status_code == 422
    assert "This field is required" in page.content.decode()
    assert "a forest on all ten features" in page.content.decode()
    asking.refresh_from_db()
    assert asking.state == "waiting"


def test_a_file_that_is_too_large_says_so(as_bob, asking, settings):
    settings.DESIREPATH_UPLOAD_LIMIT = 3
    page = as_bob.post(f"/runs/{asking.run_id}/steps/{asking.pk}/confirm/", {"model": file()})
    assert page.status_code == 422
    assert Artefact.objects.count() == 0


def test_a_viewer_sees_what_is_asked_and_cannot_answer(asking, vera):
    client = signed_in(vera)
    assert "It waits for an engineer of the team" in client.get(f"/runs/{asking.run_id}/").content.decode()
    client.post(f"/runs/{asking.run_id}/steps/{asking.pk}/confirm/", {"model": file()})
    asking.refresh_from_db()
    assert asking.state == "waiting"


def test_the_champion_approves(owner, clara):
    client = signed_in(clara)
    assert "Serve this to everyone?" in client.get(f"/runs/{owner.run_id}/").content.decode()
    client.post(f"/runs/{owner.run_id}/steps/{owner.pk}/approve/", {"comment": "yes"})
    executor.drain()
    assert Run.objects.get().state == "succeeded"


def test_the_champion_says_no_and_it_fails_with_the_reason(owner, clara):
    client = signed_in(clara)
    client.post(f"/runs/{owner.run_id}/steps/{owner.pk}/approve/", {"comment": "too early", "no": "1"})
    executor.drain()
    page = client.get(f"/runs/{owner.run_id}/").content.decode()
    assert "Clara refused: too early" in page


def test_an_engineer_who_is_not_the_champion_cannot_approve(as_bob, owner):
    assert "It waits for the champion" in as_bob.get(f"/runs/{owner.run_id}/").content.decode()
    as_bob.post(f"/runs/{owner.run_id}/steps/{owner.pk}/approve/", {})
    owner.refresh_from_db()
    assert owner.state == "waiting"


def test_an_engineer_cancels(as_bob, asking):
    as_bob.post(f"/runs/{asking.run_id}/cancel/")
    executor.drain()
    page = as_bob.get(f"/runs/{asking.run_id}/").content.decode()
    assert "cancelled by Bob" in page
    assert 'data-open="#cancel"' not in page


def test_a_viewer_may_neither_cancel_nor_resume(asking, vera):
    client = signed_in(vera)
    assert client.post(f"/runs/{asking.run_id}/cancel/").status_code == 403
    assert client.post(f"/runs/{asking.run_id}/resume/").status_code == 403


def test_a_failed_run_says_what_resume_runs_again(as_bob, owner, clara):
    owner.vote(clara, approve=False)
    executor.drain()
    page = " ".join(as_bob.get(f"/runs/{owner.run_id}/").content.decode().split())
    assert "Resuming runs again: Ask the owner" in page
    as_bob.post(f"/runs/{owner.run_id}/resume/")
    executor.drain()
    assert StepRun.objects.get(leaf="owner").state == "waiting"


def test_resuming_what_has_not_failed_says_why_not(as_bob, live):
    run = Run.objects.get()
    page = as_bob.post(f"/runs/{run.pk}/resume/", follow=True).content.decode()
    assert "only a failed run is resumed" in page


def test_cancelling_what_has_ended_says_so(as_bob, live):
    run = Run.objects.get()
    page = as_bob.post(f"/runs/{run.pk}/cancel/", follow=True).content.decode()
    assert f"Run {run.pk} is finished already" in page


def test_one_step_shows_its_events_and_outputs(as_bob, owner):
    retrain = owner.run.steps.get(leaf="retrain")
    page = as_bob.get(f"/runs/{owner.run_id}/steps/{retrain.pk}/").content.decode()
    assert "forest.pkl" in page
    assert "Alice confirmed" in page


def test_the_list_has_only_what_is_ours(as_bob, as_charlie, asking):
    assert "churn" in as_bob.get("/runs/").content.decode()
    assert "Nothing has run yet" in as_charlie.get("/runs/").content.decode()
