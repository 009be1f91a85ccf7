"""The journey map in a browser, by keyboard alone."""

from typing import Any

import pytest
from playwright.sync_api import expect

from journeys.models import Cell
from tests.acceptance.conftest import PATIENCE, follow, no_violations, shoot, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def clara_page(page: Any, server: Any, current: Any, clara: Any) -> Any:
    page.set_default_timeout(PATIENCE)
    sign_in(page, server, "clara")
    page.goto(f"{server.url}/journeys/ship/")
    page.locator(".cell").first.focus()
    return page


@pytest.fixture
def cell(current) -> Cell:
    return Cell.objects.get(step__map=current, step__key="match-features", lane="does")


def here(page: Any) -> Any:
    return page.locator(".cell:focus")


def edit(page: Any, text: str) -> None:
    page.keyboard.press("Enter")
    expect(page.locator(".cell textarea")).to_be_focused()
    page.locator(".cell textarea").fill(text)


def test_arrows_move_and_stop_at_the_edge(clara_page, cell):
    page = clara_page
    first = here(page).get_attribute("id")
    page.keyboard.press("ArrowUp")
    assert here(page).get_attribute("id") == first
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    assert here(page).get_attribute("id") not in (first, None)
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowUp")
    assert here(page).get_attribute("id") == first
    expect(page.locator(".cell[tabindex='0']")).to_have_count(1)  # one stop for Tab, as in any grid


def test_a_cell_is_edited_saved_and_undone(clara_page, cell):
    page = clara_page
    edit(page, "Opens two notebooks")
    page.keyboard.press("Control+Enter")
    expect(here(page)).to_contain_text("Opens two notebooks")
    cell.refresh_from_db()
    assert cell.text == "Opens two notebooks"
    page.keyboard.press("Control+z")
    expect(page.get_by_text("back to what it said before")).to_be_visible()
    expect(page.locator(f"#cell-{cell.pk}")).to_contain_text("Compares columns by eye")


def test_escape_leaves_the_cell_as_it_was(clara_page, cell):
    page = clara_page
    edit(page, "Never mind")
    page.keyboard.press("Escape")
    expect(here(page)).to_contain_text("Compares columns by eye")
    page.keyboard.press("ArrowDown")
    assert here(page).get_attribute("id") != f"cell-{cell.pk}"
    cell.refresh_from_db()
    assert cell.text == ""


def test_e_shows_what_the_step_rests_on(clara_page, quote):
    page = clara_page
    page.keyboard.press("e")
    expect(page.locator("dialog#evidence")).to_be_visible()
    expect(page.locator("dialog#evidence")).to_contain_text("no parity check")
    no_violations(page)
    page.keyboard.press("Escape")
    expect(page.locator("dialog#evidence")).to_be_hidden()
    expect(page.locator(".cell").first).to_be_focused()


def test_two_people_at_one_cell_choose_between_mine_and_theirs(clara_page, cell, alice, clara):
    page = clara_page
    edit(page, "Mine")
    cell.write("Theirs", alice, 0)
    page.keyboard.press("Control+Enter")
    expect(page.locator(".cell .notice")).to_contain_text("Alice changed this meanwhile")
    expect(page.locator(".cell textarea")).to_have_value("Mine")
    no_violations(page)
    page.get_by_role("button", name="Take theirs").click()
    expect(page.locator(".cell textarea")).to_have_count(0)
    expect(page.locator(f"#cell-{cell.pk}")).to_contain_text("Theirs")
    page.keyboard.press("Enter")
    page.locator(".cell textarea").fill("Mine again")
    cell.refresh_from_db()
    cell.write("Theirs again", alice, cell.revision)
    page.get_by_role("button", name="Save").click()
    page.get_by_role("button", name="Keep mine").click()
    expect(page.locator(".cell textarea")).to_have_count(0)
    expect(page.locator(f"#cell-{cell.pk}")).to_contain_text("Mine again")
    cell.refresh_from_db()
    assert cell.text == "Mine again"


def test_a_server_that_is_away_loses_nothing_typed(clara_page, server, cell):
    page = clara_page
    edit(page, "Typed while the server was away")
    server.stop()
    page.keyboard.press("Control+Enter")
    expect(page.get_by_text("The server cannot be reached")).to_be_visible()
    expect(page.locator(".cell textarea")).to_have_value("Typed while the server was away")
    server.start()
    page.keyboard.press("Control+Enter")
    expect(here(page)).to_contain_text("Typed while the server was away")


def test_the_champion_signs_off_and_derives(clara_page, server, ideal):
    page = clara_page
    page.reload()
    shoot(page, server, "map-current")
    follow(page, page.get_by_role("link", name="Ideal"))
    shoot(page, server, "map-ideal")
    follow(page, page.get_by_role("button", name="Sign off"))
    page.get_by_label("What you want to say").fill("This is how we want it.")
    shoot(page, server, "sign-off")
    follow(page, page.get_by_role("button", name="Sign off"))
    expect(page.get_by_text("Signed off by Clara")).to_be_visible()
    follow(page, page.get_by_role("link", name="From a model to production"))
    follow(page, page.get_by_role("link", name="Bind steps"))
    shoot(page, server, "bind")
    page.locator("#bind-parity").get_by_label("Step kind").select_option("manual")
    page.locator("#bind-parity").get_by_label("Settings").fill("instructions: Look at the columns")
    follow(page, page.locator("#bind-parity").get_by_role("button", name="Save"))
    expect(page.get_by_text("“Match features” is bound.")).to_be_visible()
    page.goto(f"{server.url}/journeys/ship/?map=ideal")
    follow(page, page.get_by_role("button", name="Derive template"))
    expect(page.get_by_role("heading", name="From a model to production")).to_be_visible()
    shoot(page, server, "template")
    follow(page, page.get_by_role("button", name="Publish"))
    expect(page.get_by_text("Published by Clara")).to_be_visible()
