"""/api/deployments/: what is live, the way back, taking it away and bringing it back."""

import pytest

from engine.actions import judge
from tests.engine.api.conftest import standard

pytestmark = pytest.mark.django_db


def test_it_is_read_by_the_team_and_by_nobody_else(as_alice, as_bob, as_charlie, as_nobody, live):
    churn = live({"1": 0, "2": 100})
    for api in (as_alice, as_bob):
        found = api.get(f"deployments/{churn.pk}/").json()
        assert (found["live"], found["traffic"], found["run"]) == (2, {"1": 0, "2": 100}, None)
        assert [release["number"] for release in found["releases"]] == [2, 1]
        assert found["call"].startswith("curl -s http://")
        assert [row["name"] for row in api.get("deployments/").json()] == ["churn"]
    assert as_charlie.get("deployments/").json() == []
    for path in ("", "logs/"):
        standard(as_charlie.get(f"deployments/{churn.pk}/{path}"), 404)
    for path in ("rollback/", "restore/", "done/drift/confirm/"):
        standard(as_charlie.post(f"deployments/{churn.pk}/{path}"), 404)
    standard(as_charlie.delete(f"deployments/{churn.pk}/"), 404)
    standard(as_nobody.get("deployments/"), 401)


@pytest.mark.parametrize(("query", "found"), [("name=churn", 1), ("name=x", 0), ("team=x", 0), ("target=dummy", 1)])
def test_it_is_found_by_name_team_and_target(as_bob, live, query, found):
    live({"1": 100})
    assert len(as_bob.get(f"deployments/?{query}").json()) == found


def test_a_viewer_changes_nothing(as_bob, live):
    churn = live({"1": 0, "2": 100})
    for path in ("rollback/", "restore/", "done/drift/confirm/"):
        standard(as_bob.post(f"deployments/{churn.pk}/{path}"), 403)
    standard(as_bob.delete(f"deployments/{churn.pk}/"), 403)
    assert churn.traffic() == {"1": 0, "2": 100}


def test_back_to_the_one_before(as_alice, live):
    churn = live({"1": 0, "2": 100})
    assert as_alice.post(f"deployments/{churn.pk}/rollback/").json()["live"] == 1
    (error,) = standard(as_alice.post(f"deployments/{churn.pk}/rollback/"), 409)
    assert error["detail"] == "churn has no release before this one to go back to"


def test_removed_it_is_gone_and_can_be_restored(as_alice, live):
    churn = live({"1": 100})
    assert as_alice.delete(f"deployments/{churn.pk}/").json()["state"] == "removed"
    assert as_alice.get("deployments/").json() == []
    assert [row["name"] for row in as_alice.get("deployments/", removed="true").json()] == ["churn"]
    standard(as_alice.delete(f"deployments/{churn.pk}/"), 409)
    assert as_alice.post(f"deployments/{churn.pk}/restore/").json()["live"] == 1
    standard(as_alice.post(f"deployments/{churn.pk}/restore/"), 409)


def test_what_the_target_refuses_is_said(as_alice, live, target):
    churn = live({"1": 0, "2": 100})
    target.breaks("The machine is on fire.")
    (error,) = standard(as_alice.post(f"deployments/{churn.pk}/rollback/"), 409)
    assert error["detail"] == "The machine is on fire."


def test_what_a_release_printed(as_bob, live, target):
    churn = live({"1": 0, "2": 100})
    target.printed["server-1"], target.printed["server-2"] = "one\n", "two\n"
    assert as_bob.get(f"deployments/{churn.pk}/logs/").json() == {"text": "two\n", "offset": 4}
    assert as_bob.get(f"deployments/{churn.pk}/logs/", release=1).json()["text"] == "one\n"
    standard(as_bob.get(f"deployments/{churn.pk}/logs/", offset="x"), 400)


def test_before_its_first_release_it_says_so(as_bob, churn):
    (error,) = standard(as_bob.get(f"deployments/{churn.pk}/logs/"), 404)
    assert error["detail"] == "churn has no release yet."


def test_a_criterion_judged_by_hand_is_confirmed(as_alice, live):
    churn = live({"1": 100})
    judge.judge(churn)
    found = as_alice.post(f"deployments/{churn.pk}/done/drift/confirm/", {"comment": "I look"}).json()
    assert (found["state"], found["reason"]) == ("met", "confirmed by hand by Alice: I look")
    assert as_alice.get(f"deployments/{churn.pk}/").json()["state"] == "done"
    (error,) = standard(as_alice.post(f"deployments/{churn.pk}/done/answers/confirm/"), 400)
    assert error["attr"] == "criterion"
