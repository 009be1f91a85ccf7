"""/live/ and /live/TEAM/TARGET/NAME/: what is live, the way back, taking it away and bringing it back."""

import re

import pytest

from engine.actions import judge
from engine.actions.confirm_criterion import ConfirmCriterion
from engine.models import Confirmation, Deployment
from engine.models.target import connect
from people.models import Persona
from tests.conftest import signed_in

HERE = "/live/retention/dummy/churn/"


@pytest.fixture(autouse=True)
def target():
    """A dummy that remembers nothing of the test before."""
    connect.cache_clear()
    yield connect("dummy")
    connect.cache_clear()


def test_it_shows_releases_traffic_and_the_call(as_bob, live):
    page = as_bob.get(HERE).content.decode()
    assert "churn 2" in page
    assert "100 %" in page
    assert "curl" in page
    assert "http://127.0.0.1:1" in page


def test_the_list_says_how_far_each_is(as_bob, live):
    judge.judge(live)
    page = as_bob.get("/live/").content.decode()
    assert "churn" in page
    assert "0 of 1 criteria" in page


def test_what_others_of_the_team_have_stands_apart_from_ones_own(as_bob, bob, live):
    Persona.objects.bring()
    bob.persona = Persona.objects.get(slug="app-developer")
    bob.save()
    page = " ".join(as_bob.get("/live/").content.decode().split())
    assert "Nothing is live yet" in page
    assert "What others of your teams have live: churn" in page
    bob.persona = live.persona
    bob.save()
    assert "What others" not in as_bob.get("/live/").content.decode()


def test_to_a_stranger_nothing_is_live(as_charlie, live):
    assert "Nothing is live yet" in as_charlie.get("/live/").content.decode()
    assert as_charlie.get(HERE).status_code == 404
    for verb in ("rollback/", "remove/", "restore/", "done/drift/confirm/"):
        assert as_charlie.post(f"{HERE}{verb}").status_code == 404


def test_a_viewer_looks_and_changes_nothing(live, vera):
    client = signed_in(vera)
    assert "Remove" not in client.get(HERE).content.decode()
    for verb in ("rollback/", "remove/", "restore/", "done/drift/confirm/"):
        assert client.post(f"{HERE}{verb}").status_code == 403


def test_it_goes_back_to_the_version_before(as_bob, live):
    as_bob.post(f"{HERE}rollback/")
    assert live.traffic() == {"1": 100, "2": 0}


def test_without_a_version_before_it_says_so(as_bob, live):
    live.releases.filter(number=1).delete()
    page = as_bob.post(f"{HERE}rollback/", follow=True).content.decode()
    assert "Churn has no release before this one" in page


def test_while_a_run_changes_it_nothing_is_removed(as_bob, asking):
    page = as_bob.post(f"{HERE}remove/", follow=True).content.decode()
    assert f"Run {asking.run_id} is changing churn; cancel it first" in page
    assert Deployment.objects.get().removed_at is None


def test_it_is_removed_with_a_way_back_and_comes_again(as_bob, live, monkeypatch):
    monkeypatch.setattr("engine.deployments.model_release.restart_release", lambda target, release: None)
    monkeypatch.setattr("engine.deployments.model_release.wait_until_ready", lambda target, release: None)
    page = as_bob.post(f"{HERE}remove/", follow=True).content.decode()
    assert f'action="{HERE}restore/"' in page  # the toast's Undo, and the row of what can be restored
    live.refresh_from_db()
    assert live.state == "removed"
    assert "Restore" in as_bob.get(HERE).content.decode()
    as_bob.post(f"{HERE}restore/")
    live.refresh_from_db()
    assert live.removed_at is None


def test_what_is_there_cannot_be_restored(as_bob, live):
    assert "Churn is not removed" in as_bob.post(f"{HERE}restore/", follow=True).content.decode()


def test_a_target_that_does_not_answer_says_so(as_bob, live, target):
    target.breaks("The machine is switched off.")
    page = as_bob.post(f"{HERE}remove/", follow=True).content.decode()
    assert "The machine is switched off." in page
    live.refresh_from_db()
    assert live.removed_at is None


def test_a_criterion_is_confirmed_by_hand_once_a_release(as_bob, live):
    judge.judge(live)
    assert "Confirm by hand" in as_bob.get(HERE).content.decode()
    as_bob.post(f"{HERE}done/drift/confirm/", {"comment": "I look at it on Mondays"})
    page = as_bob.get(HERE).content.decode()
    assert "confirmed by hand by Bob: I look at it on Mondays" in page
    assert "1 of 1 criteria met" in page


def test_a_criterion_that_is_not_confirmed_by_hand_is_refused(as_bob, live):
    page = as_bob.post(f"{HERE}done/parity/confirm/", follow=True).content.decode()
    assert "no criterion “parity” that is confirmed by hand" in page


def test_it_reads_what_changed_and_when(as_bob, live, alice):
    judge.judge(live)
    ConfirmCriterion(live, "drift", alice).execute()
    Confirmation.objects.all().delete()  # what it rested on is gone
    judge.judge(Deployment.objects.get())
    page = as_bob.get(HERE).content.decode().partition("What changed, and when")[2]
    assert re.findall(r'class="was">([^<]+)</span>.*?class="state \w+">([^<]+)<', page, re.DOTALL) == [
        ("Done", "Regressed"), ("Met", "Not yet"), ("Not yet", "Met"),
    ]  # fmt: skip
    assert "churn 2 no longer meets: Drift is watched" in page
    assert "confirmed by hand by Alice" in page
    assert " release 2" in page


def test_what_never_changed_has_no_history(as_bob, live):
    assert "What changed, and when" not in as_bob.get(HERE).content.decode()
