"""One platform for several personas, in a browser: each begins with what it has, in its own words."""

from typing import Any

import pytest
from playwright.sync_api import expect

from engine.actions import judge
from engine.actions.confirm_criterion import ConfirmCriterion
from engine.models import Confirmation, Deployment
from journeys.actions.derive import DeriveTemplate
from journeys.actions.draft import DraftCurrent
from journeys.actions.import_ideal import ImportIdeal
from journeys.models import Journey
from people.models import Persona
from server import example, starters
from tests.acceptance.conftest import PATIENCE, follow, shoot, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def page_of(page: Any, server: Any, bob: Any, team: Any) -> Any:
    """Bob, signed in as somebody of this persona."""

    def signed_in(slug: str) -> Any:
        bob.persona = Persona.objects.get(slug=slug)
        bob.save()
        page.set_default_timeout(PATIENCE)
        sign_in(page, server, "bob")
        return page

    return signed_in


@pytest.mark.parametrize("persona", ["ml-engineer", "app-developer", "data-engineer"])
def test_before_anything_is_live_home_says_what_will_happen(page_of, server, persona):
    starters.bring()
    page = page_of(persona)
    have = Persona.objects.get(slug=persona).says()["have"]
    expect(page.locator(".guide .begin")).to_have_text(have)
    shoot(page, server, f"onboarding-{persona}")


def test_once_something_is_live_it_is_folded_away(page_of, server, live, clara, revision):
    revision.publish(clara)
    page = page_of("ml-engineer")
    expect(page.locator(".guide")).to_be_hidden()
    page.get_by_text("What happens to it, in 3 steps").click()
    expect(page.locator(".guide")).to_be_visible()
    shoot(page, server, "onboarding-open")


def test_what_was_dropped_is_named_step_by_step(page_of, server, revision, clara, dummy):
    starters.bring()
    page = page_of("ml-engineer")
    page.locator("#drop").set_input_files({"name": "churn.pkl", "mimeType": "", "buffer": b"a model"})
    expect(page.locator(".guide .begin")).to_have_text("You have churn.pkl")
    expect(page.locator(".guide")).to_contain_text("Reads churn.pkl before opening it")
    shoot(page, server, "onboarding-start")
    follow(page, page.get_by_role("link", name="Templates").first)


def test_a_folder_that_was_dropped_is_named_too(page_of, server):
    starters.bring()
    page = page_of("app-developer")
    page.locator("#drop").set_input_files({"name": "shop.tar.gz", "mimeType": "", "buffer": b"a folder"})
    expect(page.locator(".guide .begin")).to_have_text("You have shop.tar.gz")
    expect(page.locator(".guide")).to_contain_text("Reads shop.tar.gz and installs what its requirements name")
    expect(page.get_by_label("Name")).to_have_value("shop")
    shoot(page, server, "onboarding-start-app")


@pytest.fixture
def watched(ml: Any) -> list[Journey]:
    """The example's journeys, the template of each published; nothing of them has been run."""
    made = []
    for shipped in example.STUDIES:
        persona, study = Persona.objects.get(slug=shipped.persona), example.LoadExample(shipped).execute()
        journey = Journey.objects.create(persona=persona, study=study, **shipped.journey())
        DraftCurrent(journey).execute()
        champion = persona.champions.get().user
        DeriveTemplate(ImportIdeal(journey, shipped.ideal()).execute(), champion).execute().publish(champion)
        made.append(journey)
    return made


@pytest.mark.parametrize("shipped", example.STUDIES, ids=lambda shipped: shipped.persona)
def test_it_is_told_how_long_it_took_the_people_who_were_watched(page, server, watched, shipped):
    somebody = example.people()[shipped.people()[0]]
    somebody.set_password("walk the grass")
    somebody.save()
    page.set_default_timeout(PATIENCE)
    sign_in(page, server, somebody.username)
    expect(page.locator(".guide")).to_contain_text("took people a median of")
    expect(page.locator(".guide .ev").first).to_be_visible()
    shoot(page, server, f"onboarding-watched-{shipped.persona}")


def test_two_studies_lie_side_by_side(page_of, server, watched):
    page = page_of("app-developer")
    page.goto(f"{server.url}{watched[0].get_absolute_url()}compare/")
    expect(page.get_by_role("row", name="Show that it is good enough")).to_be_visible()
    shoot(page, server, "journeys-compared-example")


def test_two_personas_ways_stand_side_by_side(page_of, server, ideal, app):
    page = page_of("ml-engineer")
    page.goto(f"{server.url}/journeys/ship/")
    follow(page, page.get_by_role("link", name="Side by side"))
    shoot(page, server, "journeys-compared")
    with page.expect_navigation():
        page.get_by_label("App developers: From a folder to users").click()
    expect(page.get_by_label("App developers: From a folder to users")).to_be_checked()  # there is nothing else


def test_alone_a_journey_says_whom_to_watch_next(page_of, server, current):
    page = page_of("ml-engineer")
    page.goto(f"{server.url}/journeys/ship/compare/")
    expect(page.get_by_text("Only ML engineers have a map")).to_be_visible()
    shoot(page, server, "journeys-compared-alone")


def test_what_was_done_and_is_no_longer_reads_as_a_history(page_of, server, live, alice):
    judge.judge(live)
    ConfirmCriterion(live, "drift", alice, "I look at it on Mondays").execute()
    Confirmation.objects.all().delete()
    judge.judge(Deployment.objects.get())
    page = page_of("ml-engineer")
    page.goto(f"{server.url}/live/retention/dummy/churn/")
    expect(page.locator(".changes > li")).to_have_count(5)
    expect(page.locator(".changes > li").first).to_contain_text("Regressed")
    shoot(page, server, "history")


def test_the_done_rate_of_a_few_is_words_and_of_many_an_interval(page_of, server, live, clara):
    page = page_of("ml-engineer")
    expect(page.get_by_text("0 of 1 is done; too few for a rate")).to_be_visible()
    for number in range(9):
        Deployment.objects.create(
            team=live.team, target=live.target, name=f"model-{number}", persona=live.persona, state="done"
        )
    page.goto(server.url)
    expect(page.get_by_text("9 of 10 are done (60–98 %)")).to_be_visible()
    shoot(page, server, "home-rate")
    follow(page, page.get_by_role("link", name="Desirepath, home"))


def test_a_champion_reads_the_rate_of_whom_they_speak_for(page, server, live, clara, version):
    page.set_default_timeout(PATIENCE)
    sign_in(page, server, "clara")
    expect(page.get_by_text("0 of 1 is done; too few for a rate")).to_be_visible()
    shoot(page, server, "home-champion")


def test_what_others_begin_with_is_apart(page_of, server):
    starters.bring()
    page = page_of("app-developer")
    page.goto(f"{server.url}/new/")
    expect(page.get_by_text("You have a trained model in a .pkl file")).to_be_hidden()
    page.get_by_text("What others begin with").click()
    expect(page.get_by_text("You have a trained model in a .pkl file")).to_be_visible()
    shoot(page, server, "new-app-developer")
    page.goto(f"{server.url}/templates/")
    shoot(page, server, "templates-app-developer")
