"""/journeys/ and what is done with one: made, drafted, imported, bound, versioned, signed off, derived."""

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from engine.models import Template
from journeys.models import Journey, MapVersion
from journeys.views.review import changes
from research.models import Session, Study
from tests.conftest import signed_in
from tests.thread import IDEAL


@pytest.fixture
def as_clara(clara):
    return signed_in(clara)


def test_without_a_journey_it_says_what_to_do(as_alice, as_charlie, study):
    assert "New journey" in as_alice.get("/journeys/").content.decode()
    assert "A researcher makes the first one" in as_charlie.get("/journeys/").content.decode()


def test_a_researcher_makes_one_and_drafts_it(as_alice, study, seen, ml):
    answer = {"title": "From a model to production", "persona": ml.pk, "study": study.pk}
    here = as_alice.post("/journeys/new/", answer).headers["Location"]
    assert "Nothing is drawn yet" in as_alice.get(here).content.decode()
    as_alice.post(f"{here}draft/")
    assert "Match features" in as_alice.get(here).content.decode()


def test_two_of_one_title_have_addresses_of_their_own(as_alice, study, ml):
    for _ in range(2):
        as_alice.post("/journeys/new/", {"title": "Ship", "persona": ml.pk, "study": study.pk})
    assert set(Journey.objects.values_list("slug", flat=True)) == {"ship", "ship-2"}


def test_a_stranger_makes_and_drafts_nothing(as_charlie, journey):
    assert as_charlie.get("/journeys/new/").status_code == 403
    assert as_charlie.post("/journeys/ship/draft/").status_code == 403


def test_a_study_one_is_not_in_cannot_be_chosen(as_bob, bob, team, ml, alice):
    team.add(bob, "researcher")
    hidden = Study.objects.create(title="Hidden", persona=ml, team=team)
    page = as_bob.post("/journeys/new/", {"title": "Ship", "persona": ml.pk, "study": hidden.pk}).content.decode()
    assert "Select a valid choice" in page


def test_drafting_from_nothing_says_what_is_missing(as_alice, study, ml, clara):
    Journey.objects.create(persona=ml, study=study, slug="empty", title="Empty")
    page = as_alice.post("/journeys/empty/draft/", follow=True).content.decode()
    assert "Watch one first" in page


def test_the_champion_imports_the_ideal_map(as_clara, journey, insight):
    file = SimpleUploadedFile("ideal.yaml", IDEAL.encode())
    page = as_clara.post("/journeys/ship/ideal/", {"file": file}, follow=True).content.decode()
    assert "The ideal map is here" in page
    assert "Reads what differs" in page


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("stages: []", "has stages and a template"),
        ("stages: [1]\ntemplate: {}", ""),
        (IDEAL.replace("command.run", "command.fly"), "command.fly"),
        (IDEAL.replace("- {id: retrain, does", "- {id: other, does"), "do not name the same steps"),
        (IDEAL.replace("title: Before anybody depends on it", "name: Before"), "each stage is written"),
        ("a: [", ""),
        ("- just\n- a list", "has stages and a template"),
    ],
)
def test_a_map_that_cannot_be_read_says_why_and_changes_nothing(as_clara, journey, text, says):
    page = as_clara.post("/journeys/ship/ideal/", {"text": text}, follow=True).content.decode()
    assert 'class="toast error"' in page
    assert says in page
    assert journey.ideal is None


def test_nobody_else_imports_binds_derives_or_takes_versions(as_bob, as_charlie, ideal):
    for client in (as_bob, as_charlie):
        assert client.post("/journeys/ship/ideal/", {"text": IDEAL}).status_code == 403
        assert client.get("/journeys/ship/edit/").status_code == 403
        assert client.post("/journeys/ship/derive/").status_code == 403
        assert client.post("/journeys/ship/ideal/version/").status_code == 403


def test_a_leaf_is_bound_to_a_step_kind(as_clara, ideal):
    answer = {"key": "parity", "parity-uses": "http.check", "parity-settings": "url: http://localhost/"}
    assert as_clara.post("/journeys/ship/edit/", answer).status_code == 302
    ideal.refresh_from_db()
    assert ideal.leaf("parity").uses == "http.check"
    assert ideal.leaf("parity").with_ == {"url": "http://localhost/"}


@pytest.mark.parametrize(("settings", "says"), [("- a list", "name: value"), ("u: [", ""), ("nonsense: 1", "nonsense")])
def test_settings_that_do_not_fit_say_so_beside_the_field(as_clara, ideal, settings, says):
    answer = {"key": "parity", "parity-uses": "http.check", "parity-settings": settings}
    page = as_clara.post("/journeys/ship/edit/", answer).content.decode()
    assert 'class="wrong"' in page
    assert says in page
    ideal.refresh_from_db()
    assert ideal.leaf("parity").uses == "command.run"


def test_an_unbound_leaf_cannot_be_derived_and_says_what_to_do(as_clara, ideal):
    as_clara.post("/journeys/ship/edit/", {"key": "parity", "parity-uses": "", "parity-settings": ""})
    page = as_clara.post("/journeys/ship/derive/", follow=True).content.decode()
    assert "no step kind is bound to Match features" in page
    assert not Template.objects.exists()


def test_deriving_makes_a_template_that_names_its_evidence(as_clara, ideal, insight):
    page = as_clara.post("/journeys/ship/derive/", follow=True)
    assert page.request["PATH_INFO"] == "/templates/ship-it/"
    assert str(insight.uuid) in Template.objects.get().latest.parsed.flow.leaf("parity").evidence


# --- versions ---


def test_the_champion_signs_off_what_the_page_shows(as_clara, clara, current):
    page = as_clara.post("/journeys/ship/current/version/", follow=True)
    here = page.request["PATH_INFO"]
    assert "Do you stand behind it?" in page.content.decode()
    as_clara.post(here, {"comment": "This is how it is."})
    version = MapVersion.objects.get()
    assert (version.signed_by, version.comment) == (clara, "This is how it is.")
    assert "signed off by Clara" in as_clara.get("/journeys/ship/").content.decode()


def test_only_the_champion_signs(as_alice, as_charlie, version):
    here = f"/journeys/ship/review/{version.pk}/"
    assert "It waits for the champion" in as_alice.get(here).content.decode()
    assert as_alice.post(here, {}).status_code == 403
    assert as_charlie.post(here, {}).status_code == 403


def test_a_version_is_found_under_its_own_journey_alone(as_clara, version, ml, study):
    Journey.objects.create(persona=ml, study=study, slug="other", title="Other")
    assert as_clara.get(f"/journeys/other/review/{version.pk}/").status_code == 404


def test_a_newer_session_makes_the_sign_off_stale(as_clara, clara, version, study, alice):
    version.sign_off(clara)
    Session.objects.create(study=study, watcher=alice, started_at=timezone.now())
    page = as_clara.get("/journeys/ship/?map=ideal").content.decode()
    assert "1 session newer than the sign-off" in page
    assert "Stale" in as_clara.get("/waiting/").content.decode()


def step(key: str, *, title: str = "", evidence: int = 1, **cells: str) -> dict[str, object]:
    rows = [f"{key}-{n}" for n in range(evidence)]
    return {"key": key, "title": title or key.capitalize(), "cells": cells, "evidence": rows}


OLD: dict[str, Any] = {"flow": ["a"], "steps": [step("match", does="By eye"), step("copy")]}


@pytest.mark.parametrize(
    ("new", "said"),
    [
        (OLD, []),
        ({**OLD, "flow": ["b"]}, ["The flow has changed"]),
        ({**OLD, "steps": [step("match", does="By eye")]}, ["“Copy” is gone"]),
        ({**OLD, "steps": [*OLD["steps"], step("ask", evidence=3)]}, ["“Ask” is new, resting on 3 observations"]),
        (
            {**OLD, "steps": [step("match", does="By a tool"), step("copy")]},
            ["“Match”, does: “By eye” → “By a tool”"],
        ),
        (
            {**OLD, "steps": [step("match", does="By eye", evidence=4), step("copy")]},
            ["“Match” rests on 3 more observations"],
        ),
        ({**OLD, "steps": [step("match"), step("copy")]}, ["“Match”, does: “By eye” → “”"]),
    ],
)
def test_what_changed_since_the_last_sign_off_is_a_sentence_each(new, said):
    assert changes(OLD, new) == said


def test_the_first_version_is_all_new():
    assert changes(None, OLD)[0] == "“Match” is new, resting on 1 observations"


def test_the_page_of_a_persona_shows_who_speaks_for_them(as_charlie, journey):
    page = as_charlie.get("/personas/ml-engineer/").content.decode()
    assert "Clara" in page
    assert "From a model to production" in page
    assert as_charlie.get("/personas/nobody/").status_code == 404
