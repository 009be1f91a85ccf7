"""/templates/: the list, one, publishing it, starting it, and a file dropped on Home."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from engine.models import Artefact, Run, Target
from engine.steps import registry
from people.models import Team
from tests.conftest import signed_in

START = "/templates/ship-it/start/"


@pytest.fixture(autouse=True)
def runs_on_the_dummy(dummy: Target) -> None:
    """The team's first target, which new runs take."""


def file(name: str = "churn.pkl") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, b"a model")


def test_the_list_has_everybodys_templates(as_charlie, revision):
    assert "ship-it" in as_charlie.get("/templates/").content.decode()


def test_one_shows_its_course_its_steps_and_where_they_came_from(as_charlie, revision):
    page = as_charlie.get("/templates/ship-it/").content.decode()
    assert 'class="course"' in page
    assert f"/trace/leaf/{revision.pk}/parity/" in page
    assert "Drift is watched" in page


def test_an_unknown_template_or_revision_is_not_found(as_bob, revision):
    assert as_bob.get("/templates/nothing/").status_code == 404
    assert as_bob.get("/templates/ship-it/?revision=99").status_code == 404
    assert as_bob.get("/kinds/nothing/").status_code == 404


def test_the_page_of_a_step_kind_says_what_it_does(as_bob):
    assert "compare" in as_bob.get("/kinds/endpoint.compare/").content.decode()


def test_the_step_kinds_are_listed_each_with_its_settings_and_outputs(as_bob, as_charlie):
    page = as_bob.get("/kinds/").content.decode()
    for name, kind in registry().items():
        assert page.count(f'href="/kinds/{name}/"') == 1
        for said in (*kind.form.model_fields, *(kind.outputs or ())):
            assert f"<code>{said}</code>" in page
    assert '<a class="btn" href="/kinds/">' in as_charlie.get("/templates/").content.decode()


def test_the_step_kinds_are_narrowed_to_a_purpose(as_bob):
    page = as_bob.get("/kinds/", {"for": "ask"}).content.decode()
    assert "/kinds/approve/" in page
    assert "/kinds/manual/" not in page
    assert "No step kind is for that" in as_bob.get("/kinds/", {"for": "nothing"}).content.decode()


def test_the_champion_publishes_and_nobody_else(as_bob, revision, clara):
    assert as_bob.post("/templates/ship-it/publish/", {"revision": 1}).status_code == 403
    assert "Publish" not in as_bob.get("/templates/ship-it/").content.decode()
    signed_in(clara).post("/templates/ship-it/publish/", {"revision": 1})
    revision.refresh_from_db()
    assert revision.published_by == clara


def test_it_starts_with_a_file(as_bob, revision, team):
    page = as_bob.post(START, {"model": file(), "name": "churn", "team": team.pk})
    run = Run.objects.get()
    assert page.headers["Location"] == f"/runs/{run.pk}/"
    assert run.inputs["model"]["name"] == "churn.pkl"


def test_without_what_it_needs_nothing_starts_and_it_says_what(as_bob, revision, team):
    page = as_bob.post(START, {"name": "Churn!", "team": team.pk}).content.decode()
    assert "This field is required" in page
    assert "is not a name: small letters, digits and -" in page
    assert not Run.objects.exists()


def test_what_would_happen_is_shown_and_the_files_are_kept(as_bob, revision, team):
    page = as_bob.post(START, {"model": file(), "name": "churn", "team": team.pk, "plan": "1"}).content.decode()
    assert "What would happen" in page
    assert "churn.pkl, 7 bytes" in page
    assert 'value="churn"' in page
    assert not Run.objects.exists()
    sha256 = Artefact.objects.get().sha256
    as_bob.post(START, {"model": sha256, "name": "churn", "team": team.pk})
    assert Run.objects.get().inputs["model"]["sha256"] == sha256


def test_a_second_run_of_the_same_name_waits_for_the_first(as_bob, asking, team):
    page = as_bob.post(START, {"model": file(), "name": "churn", "team": team.pk}).content.decode()
    assert f"Run {asking.run_id} is changing churn already" in page


def test_a_removed_name_says_how_to_restore_it(as_bob, revision, team, deployment):
    type(deployment).objects.update(removed_at=deployment.made_at)
    page = as_bob.post(START, {"model": file(), "name": "churn", "team": team.pk}).content.decode()
    assert "churn was removed" in page


def test_a_viewer_is_told_who_starts_runs(revision, vera, team):
    client = signed_in(vera)
    assert "You cannot start runs on any team" in client.get(START).content.decode()
    client.post(START, {"model": file(), "name": "churn", "team": team.pk})
    assert not Run.objects.exists()


def test_nobody_starts_for_a_team_they_are_not_on(as_bob, revision):
    other = Team.objects.create(name="Fraud", slug="fraud")
    page = as_bob.post(START, {"model": file(), "name": "churn", "team": other.pk}).content.decode()
    assert "Select a valid choice" in page


# --- a file dropped on Home ---


@pytest.fixture
def published(revision, clara, bob, ml):
    revision.publish(clara)
    bob.persona = ml
    bob.save()
    return revision


def test_a_dropped_file_is_kept_and_waits_on_the_start_page(as_bob, published):
    page = as_bob.post("/drop/", {"file": file("Churn 3.pkl")}, follow=True)
    assert page.request["PATH_INFO"] == START
    text = page.content.decode()
    assert "Churn 3.pkl, 7 bytes" in text
    assert 'value="churn-3"' in text


def test_a_dropped_file_of_one_team_starts_for_another(as_bob, published, bob):
    other = Team.objects.create(name="Fraud", slug="fraud")
    other.add(bob, "engineer")
    Target.objects.create(team=other, name="dummy", kind="dummy")
    as_bob.post("/drop/", {"file": file()})
    sha256 = Artefact.objects.get().sha256
    as_bob.post(f"{START}?model={sha256}", {"model": sha256, "name": "churn", "team": other.pk})
    assert Run.objects.get().team == other


def test_a_stranger_gets_nothing_by_a_sha256(as_charlie, as_bob, published, charlie):
    as_bob.post("/drop/", {"file": file()})
    elsewhere = Team.objects.create(name="Elsewhere", slug="elsewhere")
    elsewhere.add(charlie, "engineer")
    sha256 = Artefact.objects.get().sha256
    page = as_charlie.get(f"{START}?model={sha256}").content.decode()
    assert "churn.pkl" not in page


def test_a_drop_without_a_template_for_it_says_what_to_do(as_charlie, revision):
    page = as_charlie.post("/drop/", {"file": file()}, follow=True).content.decode()
    assert "Pick a template instead" in page


def test_a_drop_that_is_too_large_says_so(as_bob, published, settings):
    settings.DESIREPATH_UPLOAD_LIMIT = 3
    page = as_bob.post("/drop/", {"file": file()}, follow=True)
    assert page.request["PATH_INFO"] == "/"
    assert 'class="toast error"' in page.content.decode()


def test_an_input_may_be_called_items(as_bob, begin):
    from tests.running import EACH

    run = begin(EACH, "items: {type: json}", items=[1, 2])
    assert as_bob.get("/templates/probe/").status_code == 200
    question = run.steps.get(purpose="decide")
    assert as_bob.get(f"/runs/{run.pk}/steps/{question.pk}/").status_code == 200
