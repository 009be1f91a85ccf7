"""/api/templates/: check, keep, show, publish."""

import pytest

from engine.models import Revision
from tests.engine.api.conftest import standard
from tests.engine.conftest import document

pytestmark = pytest.mark.django_db

GOOD = document("- {id: a, uses: manual}")
BAD = "desirepath: 1\ntemplate: x\npersona: ml-engineer\nflow:\n  - {id: a, uses: manual, colour: red}\n"


def test_a_document_is_checked_and_not_kept(as_bob):
    assert as_bob.post("templates/check/", {"yaml": GOOD}).json()["ok"]
    found = as_bob.post("templates/check/", {"yaml": BAD}).json()
    assert not found["ok"]
    (problem,) = found["problems"]
    assert problem["line"] == 5
    assert "colour" in problem["message"]
    assert Revision.objects.count() == 0


def test_kept_twice_is_one_revision_and_a_change_is_the_next(as_alice, persona):
    first = as_alice.post("templates/", {"yaml": GOOD})
    assert (first.status_code, first.json()["number"]) == (201, 1)
    assert as_alice.post("templates/", {"yaml": GOOD}).json() == first.json()
    assert as_alice.post("templates/", {"yaml": GOOD.replace("id: a", "id: b")}).json()["number"] == 2


def test_what_cannot_be_run_is_not_kept(as_alice):
    (error,) = standard(as_alice.post("templates/", {"yaml": BAD}), 400)
    assert error["attr"].startswith("yaml")
    assert error["detail"].startswith("line 5, column ")
    assert Revision.objects.count() == 0


def test_it_is_everybodys_to_read(as_bob, as_charlie, as_nobody, revision):
    for api in (as_bob, as_charlie):
        found = api.get("templates/probe/").json()
        assert found["document"]["template"] == "probe"
        assert "uses: approve" in found["yaml"]
        assert [row["name"] for row in api.get("templates/").json()] == ["probe"]
    standard(as_nobody.get("templates/"), 401)


@pytest.mark.parametrize(
    ("path", "status"),
    [("templates/nothing/", 404), ("templates/probe/?revision=9", 404), ("templates/probe/?revision=x", 400)],
)
def test_what_is_not_there_is_said(as_alice, revision, path, status):
    standard(as_alice.get(path), status)


def test_only_a_champion_of_its_persona_publishes(as_alice, as_bob, as_charlie, revision):
    for api in (as_bob, as_charlie):  # Charlie is a champion somewhere else
        standard(api.post("templates/probe/publish/"), 403)
    found = as_alice.post("templates/probe/publish/", {"revision": 1}).json()
    assert found["published_by"] == "alice"
    assert as_bob.get("templates/").json()[0]["published"] == 1
    standard(as_alice.post("templates/probe/publish/", {"revision": 9}), 404)


def test_a_viewer_keeps_none(as_bob):
    standard(as_bob.post("templates/", {"yaml": GOOD}), 403)
