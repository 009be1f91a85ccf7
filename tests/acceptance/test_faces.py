"""One platform for several personas, in a browser: each begins with what it has, in its own words."""

from typing import Any

import pytest
from playwright.sync_api import expect

from people.models import Persona
from server import starters
from tests.acceptance.conftest import follow, shoot, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def page_of(page: Any, server: Any, bob: Any, team: Any) -> Any:
    """Bob, signed in as somebody of this persona."""

    def signed_in(slug: str) -> Any:
        bob.persona = Persona.objects.get(slug=slug)
        bob.save()
        page.set_default_timeout(10_000)
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
