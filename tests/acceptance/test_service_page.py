"""The page of an app that is live, in the browser: processes, logs as they are written, settings, going back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import expect

from tests.acceptance.conftest import PATIENCE, follow, shoot, sign_in
from tests.apps import WORKER, write_app
from tests.homes import Home, environments_folder, seed
from tests.waiting import until

pytestmark = pytest.mark.browser
__all__ = ["environments_folder", "seed"]

TWO = "web: exec python web.py\nworker: exec python worker.py\n"
NEEDS = {"env": {"SECRET_KEY": {"generator": "secret"}}}


@pytest.fixture(scope="module")
def home(seed: Path, environments_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """Two releases of an app with a worker are live."""
    made = Home(seed, environments_folder)
    try:
        made.up()
        folder = write_app(tmp_path_factory.mktemp("app") / "shop", procfile=TWO, worker=WORKER, app_json=NEEDS)
        for says in ("one", "two"):
            (folder / "says.txt").write_text(says)
            made.client("tom").push(folder, until="done")
        yield made
    finally:
        made.end()


@pytest.fixture
def page_of_shop(page: Any, home: Home) -> Any:
    page.set_default_timeout(PATIENCE)
    sign_in(page, home, "tom")  # type: ignore[arg-type]
    page.goto(f"{home.url}/live/retention/local/shop/")
    return page


def test_it_shows_what_runs_and_what_it_prints_as_it_is_printed(page_of_shop, home):
    page = page_of_shop
    expect(page.get_by_role("region", name="Processes")).to_contain_text("worker.1")
    page.get_by_role("button", name="web.1").click()
    expect(page.locator("#log-lines")).to_contain_text("listening")
    httpx.get(home.client("tom").deployment("shop")["address"] + "/secret")
    expect(page.locator("#log-lines")).to_contain_text("the key is ****")
    page.evaluate("scrollTo(0, 0)")
    shoot(page, home, "service")


def test_a_setting_is_set_and_released_and_its_value_is_on_no_page(page_of_shop, home):
    page = page_of_shop
    page.get_by_label("Name").fill("BANK_KEY")
    page.get_by_label("Value").fill("hush-of-the-bank")
    follow(page, page.get_by_role("button", name="Set and release"))
    expect(page).to_have_url(f"{home.url}/runs/3/")
    until(lambda: home.client("tom").run(3)["state"] == "succeeded")
    page.goto(f"{home.url}/live/retention/local/shop/")
    expect(page.locator(".settings")).to_contain_text("BANK_KEY")
    expect(page.locator(".settings")).to_contain_text("Tom")
    assert "hush-of-the-bank" not in page.content()
    page.get_by_label("Name").fill("PORT")
    follow(page, page.get_by_role("button", name="Set and release"))
    expect(page.get_by_text("PORT is given to every program by Desirepath itself")).to_be_visible()


def test_processes_are_scaled_and_the_release_before_comes_back(page_of_shop):
    page = page_of_shop
    page.get_by_label("web", exact=True).fill("2")
    follow(page, page.get_by_role("button", name="Scale"))
    expect(page.get_by_role("region", name="Processes")).to_contain_text("web.2")
    follow(page, page.get_by_role("button", name="Roll back"))
    expect(page.get_by_text("answers again").first).to_be_visible()
