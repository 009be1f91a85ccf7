"""The box that Ctrl K opens, by keyboard and by mouse, and the page without JavaScript."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import expect

from research.models import Case, Study
from tests.acceptance.conftest import SCREENSHOTS, no_violations, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def box(alice_page: Any) -> Any:
    alice_page.keyboard.press("Control+k")
    found = alice_page.get_by_role("dialog", name="Search everything")
    expect(found).to_be_visible()
    return found


@pytest.fixture
def many(study: Study) -> Study:
    for number in range(7):
        Case.objects.create(study=study, title=f"Shipping number {number} {'and a long title ' * 8}")
    return study


def field(page: Any) -> Any:
    return page.get_by_role("combobox", name="Search everything")


def test_arrows_move_enter_opens_and_escape_closes(many, box, alice_page):
    page = alice_page
    said = box.get_by_role("status")
    expect(said).to_contain_text("quotes you may read")
    page.keyboard.type("shipp")
    expect(said).to_have_text("8 found, 2 kinds")
    options = box.get_by_role("option")
    expect(options).to_have_count(1 + 5 + 1)
    expect(options.nth(0)).to_have_attribute("aria-selected", "true")
    expect(box.get_by_role("group", name="Studies")).to_be_visible()
    page.keyboard.press("ArrowDown")
    expect(options.nth(1)).to_have_attribute("aria-selected", "true")
    expect(field(page)).to_have_attribute("aria-activedescendant", "hit-case-1")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")  # over the top to the last
    expect(options.last).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Cases")).to_be_visible()
    assert page.url.endswith("/search/?q=shipp&in=case")
    page.keyboard.press("Control+k")
    expect(field(page)).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("#search")).to_be_hidden()


def test_focus_stays_in_the_box_and_goes_back(study, alice_page):
    page = alice_page
    new = page.get_by_role("link", name="New", exact=True)
    new.focus()
    page.keyboard.press("Control+k")
    expect(field(page)).to_be_focused()
    for _ in range(6):
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement === document.body || !!document.activeElement.closest('#search')")
    page.keyboard.press("Escape")
    expect(new).to_be_focused()


def test_nothing_found_says_what_to_do(study, box, alice_page):
    alice_page.keyboard.type("zzzz")
    expect(box.get_by_role("status")).to_have_text("Nothing found. Use fewer words, or only the beginning of a word.")
    expect(field(alice_page)).to_have_attribute("aria-expanded", "false")
    alice_page.keyboard.press("Enter")  # goes to the page, which says the same
    expect(alice_page.get_by_role("heading", name="Nothing found")).to_be_visible()


def test_the_field_in_the_bar_opens_it_by_mouse(study, alice_page):
    alice_page.locator("#find").click()
    expect(field(alice_page)).to_be_focused()
    alice_page.keyboard.type("shipping")
    alice_page.get_by_role("option", name="Shipping a model").first.click()
    expect(alice_page.get_by_role("heading", name="Shipping a model")).to_be_visible()


def test_it_looks_right_light_and_dark_wide_and_narrow_and_from_right_to_left(many, box, alice_page):
    page = alice_page
    Case.objects.create(study=many, title="تقييم النموذج shipping")
    Case.objects.create(study=many, title="字" * 150 + " shipping")
    page.keyboard.type("shipping")
    expect(box.get_by_role("option").nth(6)).to_be_visible()
    page.evaluate("document.activeElement.setSelectionRange(8, 8)")
    for width in (1440, 390):
        page.set_viewport_size({"width": width, "height": 800})
        for theme in ("light", "dark"):
            page.evaluate("theme => document.documentElement.dataset.theme = theme", theme)
            page.wait_for_timeout(60)
            page.screenshot(path=str(SCREENSHOTS / f"search-box-{theme}-{width}.png"))
            no_violations(page)
            for wide in ("document.documentElement", "document.querySelector('#search-results')"):
                assert page.evaluate(f"{wide}.scrollWidth - {wide}.clientWidth") <= 0, (wide, width)
    arabic = box.get_by_text("تقييم النموذج")
    assert arabic.evaluate("node => getComputedStyle(node).direction") == "rtl"


def test_without_javascript_the_page_finds_it(browser, server, alice, many):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    sign_in(page, server)
    page.locator("#find").fill("shipping")
    page.locator("#find").press("Enter")
    expect(page.get_by_role("link", name="Shipping a model").first).to_be_visible()
    page.get_by_role("link", name="all 7").click()
    expect(page.get_by_role("listitem").filter(has_text="Shipping number")).to_have_count(7)
    context.close()
