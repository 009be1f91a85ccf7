"""Two people put the same thing right after a session, in a real browser."""

import pytest
from playwright.sync_api import expect

from research.models import Insight, Observation
from tests.acceptance.conftest import follow, shoot

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_who_saves_an_observation_second_sees_both_and_chooses(alice_page, server, session, quote):
    session.stop()
    alice_page.goto(f"{server.url}/sessions/{session.pk}/")
    row = alice_page.locator("tr.editing")

    def types(text: str) -> None:
        alice_page.get_by_label("Do something with 00:41:12").click()
        alice_page.get_by_role("button", name="Change", exact=True).click()
        row.get_by_label("Text").fill(text)

    types("What Alice typed")
    Observation.objects.get().change(text="What Bob saved")
    row.get_by_role("button", name="Save").click()
    expect(row.get_by_role("alert")).to_contain_text("Text: What Bob saved")
    expect(row.get_by_label("Text")).to_have_value("What Alice typed")
    shoot(alice_page, server, "observation-overtaken")
    row.get_by_role("button", name="Keep mine").click()
    expect(row).to_have_count(0)
    assert Observation.objects.get().text == "What Alice typed"

    types("What Alice typed later")
    Observation.objects.get().change(text="What Bob saved later")
    row.get_by_role("button", name="Save").click()
    row.get_by_role("button", name="Take theirs").click()
    expect(row).to_have_count(0)
    assert Observation.objects.get().text == "What Bob saved later"


def test_who_saves_an_insight_second_sees_both(alice_page, server, study):
    insight = Insight.objects.create(study=study, persona=study.persona, title="Columns are compared by eye")
    alice_page.goto(f"{server.url}/insights/{insight.pk}/change/")
    alice_page.get_by_label("Title").fill("What Alice typed")
    insight.change(1, title="What Bob saved")
    follow(alice_page, alice_page.get_by_role("button", name="Save"))
    expect(alice_page.get_by_role("alert")).to_contain_text("Title: What Bob saved")
    expect(alice_page.get_by_label("Title")).to_have_value("What Alice typed")
    shoot(alice_page, server, "insight-overtaken")
    follow(alice_page, alice_page.get_by_role("button", name="Keep mine"))
    insight.refresh_from_db()
    assert insight.title == "What Alice typed"
