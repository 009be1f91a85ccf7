"""From signing in to an insight, as a researcher walks it; each page is looked at by axe and photographed."""

from typing import Any

import pytest
from playwright.sync_api import expect

from research.models import Consent, Insight, Session, Study
from tests.acceptance.conftest import follow, no_violations, on_server, shoot

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_a_researcher_goes_from_nothing_to_an_insight(alice_page, server, ml):
    page = alice_page
    shoot(page, server, "home-empty")
    page.get_by_role("link", name="New study").click()
    page.get_by_label("Title").fill("Shipping a model")
    page.get_by_label("Persona").select_option(label="ML engineer")
    shoot(page, server, "study-new")
    follow(page, page.get_by_role("button", name="Make the study"))
    shoot(page, server, "study-empty")

    page.get_by_role("button", name="Start watching").click()
    expect(page.get_by_role("heading", name="Whom are you watching?")).to_be_visible()
    shoot(page, server, "setup")
    page.get_by_role("button", name="Begin").click()
    expect(page.get_by_text("This field is required.")).to_be_visible()  # consent comes first
    page.get_by_label("My words as quotes").check()
    page.get_by_label("I have asked").check()
    page.get_by_label("What are they working on?").fill("churn to production")
    page.get_by_role("button", name="Begin").click()
    expect(page.locator("#entry[data-ready=yes]")).to_be_visible()
    for text in ("/Match features", "Compares columns by eye", '"I find out from the on-call."', "!no parity check"):
        page.keyboard.type(text)
        page.keyboard.press("Enter")
    on_server(page)
    shoot(page, server, "live")
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_role("heading", name="churn to production")).to_be_visible()
    expect(page.get_by_role("link", name="Add", exact=True)).to_be_visible()
    shoot(page, server, "session")

    page.get_by_label("Do something with").nth(1).click()
    page.get_by_role("button", name="Change").click()
    page.get_by_label("Text").fill("Compares the columns of two notebooks by eye")
    shoot(page, server, "session-editing")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Compares the columns of two notebooks by eye")).to_be_visible()
    follow(page, page.get_by_role("button", name="Reviewed"))
    expect(page.get_by_role("button", name="Reviewed")).to_have_count(0)  # the page is a new one: now its boxes stay
    for box in page.get_by_role("checkbox").all()[1:]:
        box.check()
    page.get_by_role("button", name="Make an insight").click()
    page.get_by_label("Title").fill("Columns are compared by eye")
    shoot(page, server, "insight-new")
    follow(page, page.get_by_role("button", name="Keep it"))
    shoot(page, server, "insight")
    page.get_by_role("button", name="Remove").click()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("heading", name="Columns are compared by eye")).to_be_visible()
    assert Insight.objects.get().observed == 3


def test_every_other_page_has_no_barrier(alice_page, server, study, participant, session, quote, crowd):
    session.stop()
    insight = Insight.objects.create(study=study, persona=study.persona, title="Columns are compared by eye")
    insight.rest_on(quote)
    page: Any = alice_page
    here, person = study.get_absolute_url(), participant.get_absolute_url()
    pages = {
        "home": "/", "studies": "/studies/", "study": here, "participant": person,
        "case": f"/cases/{session.case_id}/", "insights": "/insights/", "activities": f"{here}activities/",
        "settings": "/settings/", "team": "/settings/teams/retention/", "look": "/look/", "search": "/search/?q=column",
        "waiting": "/waiting/", "new": "/new/", "consent": Consent.objects.get().get_absolute_url(),
        "terminal": "/login/terminal/?code=k3Jx-92mQ&port=40123", "not-found": "/nowhere/",
        "history": f"/observations/{quote.pk}/history/", "release": f"/observations/{quote.pk}/release/",
        "consent-new": f"{person}consent/", "session-new": f"{here}sessions/new/",
    }  # fmt: skip
    for name, address in pages.items():
        page.goto(f"{server.url}{address}")
        shoot(page, server, name)


def test_sign_in_looks_right_and_has_no_barrier(page, server, alice):
    page.goto(f"{server.url}/accounts/login/")
    shoot(page, server, "sign-in")


def test_the_bar_works_with_the_keyboard_and_on_a_phone(alice_page, server, study):
    page = alice_page
    page.keyboard.press("Control+k")
    expect(page.get_by_role("combobox", name="Search everything")).to_be_focused()
    page.keyboard.type("Shipping")
    expect(page.get_by_role("option", name="Shipping a model").first).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Shipping a model")).to_be_visible()
    page.set_viewport_size({"width": 390, "height": 800})
    page.get_by_role("button", name="Rooms").click()
    page.locator("#rooms").get_by_role("link", name="Evidence").click()
    expect(page.get_by_role("heading", name="Evidence")).to_be_visible()
    page.locator("details.menu summary").click()
    page.get_by_role("button", name="Dark").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    no_violations(page)


def test_somebody_withdraws_and_their_words_are_gone(alice_page, server, study, session, quote):
    alice_page.goto(f"{server.url}{Consent.objects.get().get_absolute_url()}")
    expect(alice_page.get_by_text(quote.text)).to_be_visible()
    alice_page.get_by_text("Withdraw my consent").click()
    alice_page.get_by_role("button", name="Withdraw it").click()
    expect(alice_page.get_by_text("You withdrew it on")).to_be_visible()
    alice_page.goto(f"{server.url}/sessions/{session.pk}/")
    expect(alice_page.get_by_text("Withdrawn by the participant.")).to_be_visible()
    assert Study.objects.count() == Session.objects.count() == 1
