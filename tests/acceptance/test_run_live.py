"""A run's page while a real engine, in a process of its own, takes the run on: nothing is loaded again."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import expect

from engine.models import Event, Run, StepRun
from tests.acceptance.conftest import CHECKOUT, PATIENCE, follow, shoot, sign_in
from tests.thread import forest
from tests.waiting import until

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def engine(server) -> Iterator[subprocess.Popen[bytes]]:
    """The embedded claim loop over the database of this test."""
    home = {"DESIREPATH_TESTS_HOME": os.environ["DESIREPATH_HOME"], "DJANGO_SETTINGS_MODULE": "tests.settings"}
    command = [sys.executable, str(CHECKOUT / "manage.py"), "engine"]
    process = subprocess.Popen(command, cwd=CHECKOUT, env={**os.environ, **home})
    yield process
    process.send_signal(signal.SIGTERM)
    process.wait(240)


@pytest.fixture
def clara_page(page: Any, server: Any, clara: Any) -> Any:
    page.set_default_timeout(PATIENCE)
    sign_in(page, server, "clara")
    return page


def watch(page: Any, server: Any, run: Run) -> None:
    page.goto(f"{server.url}/runs/{run.pk}/")
    expect(page.locator("[data-run][data-listening=yes]")).to_be_visible()
    page.evaluate("window.same = true")  # gone when the page is loaded again


def test_the_course_moves_while_one_looks_and_nothing_typed_is_lost(clara_page, server, run, request):
    page = clara_page
    watch(page, server, run)
    expect(page.locator("table.steps tr", has_text="Match features")).to_contain_text("Ready")
    request.getfixturevalue("engine")
    until(lambda: StepRun.objects.filter(leaf="parity", state="succeeded").exists())  # it takes seconds to start
    expect(page.locator("table.steps tr", has_text="Match features")).to_contain_text("Done")
    expect(page.locator(".course-control.done")).to_have_count(1)
    ask = page.locator(".ask", has_text="Hand the new file in")
    expect(ask).to_be_visible()
    ask.get_by_label("Comment").fill("a forest on all")
    shoot(page, server, "run-asking")

    run.say("step.log", "something else happened meanwhile")
    expect(page.locator("#run-log")).to_contain_text("something else happened meanwhile")
    expect(ask.get_by_label("Comment")).to_have_value("a forest on all")
    assert page.evaluate("window.same") is True

    ask.get_by_label("Model").set_input_files({"name": "forest.pkl", "mimeType": "", "buffer": b"a model"})
    follow(page, ask.get_by_role("button", name="Confirm"))
    approve = page.locator(".ask", has_text="Serve this to everyone?")
    expect(approve).to_be_visible()
    shoot(page, server, "run-approve")
    follow(page, approve.get_by_role("button", name="Yes"))
    expect(page.locator("#run-now .state", has_text="Finished")).to_be_visible()
    assert StepRun.objects.get(leaf="retrain").outputs["model"]["name"] == "forest.pkl"
    shoot(page, server, "run-finished")


def test_it_is_cancelled_after_one_is_asked(clara_page, server, run, team, clara, engine):
    team.add(clara, "engineer")
    page = clara_page
    watch(page, server, run)
    # The button is in the part that each event brings anew: nothing more happens once it asks and that is logged.
    expect(page.locator(".ask", has_text="Hand the new file in")).to_be_visible()
    expect(page.locator("#run-log")).to_contain_text(Event.objects.filter(run=run).latest("pk").text)
    page.get_by_role("button", name="Cancel").first.click()
    page.get_by_role("button", name="Let it go on").click()
    page.get_by_role("button", name="Cancel").first.click()
    follow(page, page.get_by_role("button", name="Cancel the run"))
    expect(page.get_by_text("cancelled by Clara").first).to_be_visible()
    expect(page.locator("#run-now .state").first).to_contain_text("Cancelled")


def test_a_refusal_fails_it_and_resume_asks_again(clara_page, server, asking, team, clara, engine):
    team.add(clara, "engineer")
    asking.confirm(clara, {"model": forest(asking.run, clara)})
    page = clara_page
    page.goto(f"{server.url}/runs/{asking.run_id}/")
    ask = page.locator(".ask", has_text="Serve this to everyone?")
    ask.get_by_label("Comment").fill("too early")
    follow(page, ask.get_by_role("button", name="No", exact=True))
    expect(page.locator("#run-now .notice")).to_contain_text("Clara refused: too early")
    expect(page.locator("#run-now .notice")).to_contain_text("Resuming runs again: Ask the owner")
    shoot(page, server, "run-failed")
    follow(page, page.get_by_role("link", name="Resume…"))
    follow(page, page.get_by_role("button", name="Resume"))
    expect(page.locator(".ask", has_text="Serve this to everyone?")).to_be_visible()


def test_a_page_that_lost_its_server_catches_up(clara_page, server, run, clara):
    page = clara_page
    watch(page, server, run)
    server.stop()
    run.say("step.log", "written while nobody listened")
    server.start()
    expect(page.locator("#run-log")).to_contain_text("written while nobody listened")
    assert page.evaluate("window.same") is True
