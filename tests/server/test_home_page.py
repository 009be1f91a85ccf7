"""Home, what waits, New and Outcomes: for whom they show what, and what they say when there is nothing yet."""

from datetime import timedelta

import pytest
from django.utils import timezone

from engine.actions import judge
from engine.models import Deployment
from lib.statistics import FEW, Rate
from people.models import Team, User
from research.models import Case, Observation, Session
from server import starters
from tests.conftest import signed_in
from tests.leaks import visible


@pytest.fixture
def mira(bob: User, ml) -> User:
    """Bob as an ML engineer."""
    bob.persona = ml
    bob.save()
    return bob


def test_somebody_on_no_team_is_told_whom_to_ask(as_charlie):
    assert "Ask whoever invited you" in as_charlie.get("/").content.decode()
    assert "Ask a team's admin for an invitation" in as_charlie.get("/new/").content.decode()


def test_an_engineer_of_a_fresh_install_has_a_place_to_drop_a_file(as_bob, mira, team):
    starters.bring()
    page = as_bob.get("/").content.decode()
    assert "data-drop" in page
    assert "Nothing is live yet" in page
    assert "desirepath serve model.pkl" in page
    assert "/templates/serve-model/start/" in as_bob.get("/new/").content.decode()


@pytest.mark.parametrize("address", ["/live/", "/runs/", "/journeys/", "/templates/", "/waiting/", "/outcomes/"])
def test_an_empty_page_says_what_to_do_next(as_bob, mira, team, address):
    page = as_bob.get(address).content.decode()
    assert 'class="empty"' in page


def test_an_engineer_sees_what_is_live_and_how_far_it_is(as_bob, mira, live):
    judge.judge(live)
    page = as_bob.get("/").content.decode()
    assert "churn" in page
    assert "0 of 1 criteria" in page


def test_before_anything_is_live_an_engineer_reads_what_will_happen(as_bob, mira, team):
    starters.bring()
    page = as_bob.get("/").content.decode()
    assert "What happens then" in page
    assert "Reads your model file before opening it" in page
    assert '<details class="sheet pad told">' not in page


def test_once_something_is_live_it_is_folded_away(as_bob, mira, live):
    starters.bring()
    page = as_bob.get("/").content.decode()
    assert "What happens then" not in page
    assert '<details class="sheet pad told">' in page
    assert "<summary>What happens to it, in 12 steps</summary>" in page


@pytest.fixture
def many(live):
    """Four more beside churn, which is not done; three of them are. One that never answered, one that is removed."""
    for name, state in {"a": "done", "b": "done", "c": "done", "d": "regressed", "e": "new", "f": "removed"}.items():
        Deployment.objects.create(
            team=live.team, target=live.target, name=name, persona=live.persona, state=state,
            removed_at=live.made_at if state == "removed" else None,
        )  # fmt: skip
    return live


def test_a_few_are_counted_in_words(as_bob, mira, live):
    assert "0 of 1 is done; too few for a rate" in as_bob.get("/").content.decode()


def test_from_five_on_the_done_rate_stands_on_its_interval(as_bob, mira, many, clara):
    page = as_bob.get("/").content.decode()
    assert "3 of 5 are done (23–88 %)" in page
    assert "Done: 60, between 23 and 88 %" in page
    champions = signed_in(clara).get("/").content.decode()
    assert champions.count("3 of 5 are done") == 1
    assert "ML engineers" in champions


def test_what_answered_once_counts_as_not_done(many):
    gone = Deployment.objects.get(name="e")
    gone.say("deployment.deployed", "e 1 answers")
    assert Deployment.objects.all().rate() == Rate(3, 6)


def test_the_example_is_left_out_of_the_rate_unless_there_is_nothing_else(many):
    Team.objects.update(example=True)
    assert Deployment.objects.all().rate() == Rate(3, 5)
    other = Team.objects.create(name="Real", slug="real")
    Deployment.objects.create(team=other, target=many.target, name="g", state="done")
    assert Deployment.objects.all().rate() == Rate(1, 1)


def test_what_waits_is_counted_in_the_bar_and_listed(as_bob, mira, asking):
    page = as_bob.get("/waiting/").content.decode()
    assert "Waiting 1" in page
    assert "Hand the new file in" in page
    assert f"/runs/{asking.run_id}/" in as_bob.get("/").content.decode()


def test_what_waits_for_the_champion_does_not_wait_for_others(as_bob, owner, clara, vera):
    assert "Serve this to everyone?" in signed_in(clara).get("/waiting/").content.decode()
    assert "Nothing waits for you" in signed_in(vera).get("/waiting/").content.decode()
    assert "Serve this to everyone?" not in as_bob.get("/waiting/").content.decode()


def test_a_criterion_by_hand_waits_for_the_team(as_bob, live, vera):
    judge.judge(live)
    assert "Drift is watched: churn" in as_bob.get("/waiting/").content.decode()
    assert "Nothing waits for you" in signed_in(vera).get("/waiting/").content.decode()


def test_a_version_waits_for_the_champions_sign_off(version, clara):
    page = signed_in(clara).get("/waiting/").content.decode()
    assert f"/journeys/ship/review/{version.pk}/" in page


def test_a_champion_sees_the_maps_they_speak_for_and_one_list_of_what_waits(version, clara):
    page = signed_in(clara).get("/").content.decode()
    assert "Maps you speak for" in page
    assert page.count("Waiting for you") == 1


def test_a_researcher_sees_the_quotes_that_reached_production(as_alice, live, quote, crowd):
    page = as_alice.get("/").content.decode()
    assert "Quotes that reached production" in page
    assert quote.text in page


def test_the_look_shows_the_course_the_asks_and_the_map(as_charlie):
    page = as_charlie.get("/look/").content.decode()
    assert page.count('class="course"') == 4
    for state in ("done", "going", "waiting", "failed", "quiet"):
        assert f"course-control {state}" in page or f"course-crossing {state}" in page
    assert "none-seen" in page


def test_a_session_that_is_under_way_is_no_duration_yet(as_bob, mira, study, participant, session, match_features):
    starters.bring()
    hour = timedelta(hours=1)
    over = [
        Session.objects.create(study=study, started_at=timezone.now() - hour, ended_at=timezone.now())
        for _ in range(FEW)
    ]
    for one in [*over, session]:
        case = Case.objects.create(study=study, title=f"case of {one.pk}")
        until = 60_000 if one == session else 3_600_000
        words = {"activity": match_features, "source": "seen", "text": "Compares by eye"}
        Observation.objects.create(session=one, participant=participant, case=case, at=0, until=until, **words)
    page = visible(as_bob.get("/").content.decode())
    assert f"1 h (n {FEW})" in page
