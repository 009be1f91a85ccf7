"""/api/files/: hand a file in."""

import io

import pytest

from engine.models import Artefact
from engine.models.artefact import store
from tests.engine.api.conftest import standard

pytestmark = pytest.mark.django_db


def upload(api, data=b"age,y\n", name="rows.csv", **more):
    sent = io.BytesIO(data)
    sent.name = name
    return api.client.post("/api/files/", {"file": sent, **more}, headers=api.headers)


def test_a_file_is_kept_by_its_content_once(as_alice):
    first, second = upload(as_alice), upload(as_alice, name="again.csv")
    assert first.status_code == second.status_code == 201
    assert first.json() == second.json()
    assert set(first.json()) == {"sha256", "name", "size"}
    assert store().has(first.json()["sha256"])
    assert Artefact.objects.count() == 1


def test_without_a_file_the_field_is_named(as_alice, team):
    (error,) = standard(as_alice.client.post("/api/files/", {}, headers=as_alice.headers), 400)
    assert (error["attr"], error["code"]) == ("file", "required")


def test_a_file_that_is_too_large_is_refused_in_words(as_alice, settings):
    settings.DESIREPATH_UPLOAD_LIMIT = 10
    (error,) = standard(upload(as_alice, b"x" * 11), 409)
    assert "larger than the 10 bytes that are allowed. It was not stored." in error["detail"]
    assert Artefact.objects.count() == 0


def test_a_viewer_may_not_and_nobody_signs_in_first(as_bob, as_nobody, team):
    standard(upload(as_bob), 403)
    standard(upload(as_nobody), 401)
    assert Artefact.objects.count() == 0


def test_a_team_one_is_not_on_does_not_exist(as_charlie, team):
    (error,) = standard(upload(as_charlie, team="retention"), 404)
    assert "There is no team retention that you are on." in error["detail"]


def test_on_several_teams_one_says_which(as_alice, alice, team):
    type(team).objects.create(name="Growth", slug="growth").add(alice, "engineer")
    (error,) = standard(upload(as_alice), 400)
    assert error["attr"] == "team"
    assert "growth, retention" in error["detail"]
    assert upload(as_alice, team="growth").status_code == 201
