"""Home, what is live, templates, starting, and the trace, in a browser: as they look and as they are used."""

from typing import Any

import pytest
from playwright.sync_api import expect

from engine.actions import judge
from engine.models import Deployment, Run
from people.models import Team
from server import example, starters
from tests.acceptance.conftest import PATIENCE, follow, no_violations, shoot, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

DROP = """([name, text]) => {
  const brought = new DataTransfer();
  brought.items.add(new File([text], name));
  const send = (kind) => document.querySelector("main").dispatchEvent(
    new DragEvent(kind, {dataTransfer: brought, bubbles: true, cancelable: true}));
  send("dragenter");
  window.lit = document.querySelector(".drop").classList.contains("over");
  send("dragover");
  send("drop");
}"""


@pytest.fixture
def bob_page(page: Any, server: Any, bob: Any, team: Any, ml: Any) -> Any:
    bob.persona = ml
    bob.save()
    page.set_default_timeout(PATIENCE)
    sign_in(page, server, "bob")
    return page


def test_a_fresh_install_says_what_to_do_next(bob_page, server):
    starters.bring()
    page = bob_page
    says = {
        "home": ("/", "desirepath serve model.pkl"),
        "live": ("/live/", "desirepath serve model.pkl"),
        "runs": ("/runs/", "desirepath serve model.pkl"),
        "journeys": ("/journeys/", "No journey yet"),
    }
    for name, (address, next_) in says.items():
        page.goto(f"{server.url}{address}")
        expect(page.locator(".empty").filter(has_text=next_)).to_be_visible()
        shoot(page, server, f"fresh-{name}")


def test_a_file_dragged_onto_home_waits_on_the_start_page(bob_page, server, revision, clara, dummy):
    revision.publish(clara)
    page = bob_page
    page.goto(server.url)
    page.evaluate(DROP, ["churn.pkl", "a model"])
    expect(page.get_by_text("churn.pkl, 7 bytes")).to_be_attached()
    expect(page.get_by_label("Name")).to_have_value("churn")
    shoot(page, server, "start")
    follow(page, page.get_by_role("button", name="What would happen?"))
    expect(page.get_by_role("heading", name="What would happen")).to_be_visible()
    shoot(page, server, "start-plan")
    follow(page, page.get_by_role("button", name="Start"))
    expect(page.locator("[data-run]")).to_be_visible()
    assert Run.objects.get().inputs["model"]["name"] == "churn.pkl"


def test_a_file_chosen_by_hand_goes_the_same_way(bob_page, server, revision, clara, dummy):
    revision.publish(clara)
    page = bob_page
    page.goto(server.url)
    page.locator("#drop").set_input_files({"name": "churn.pkl", "mimeType": "", "buffer": b"a model"})
    expect(page.get_by_text("churn.pkl, 7 bytes")).to_be_attached()


def test_two_files_at_once_are_refused_in_words(bob_page, server, revision, clara):
    revision.publish(clara)
    page = bob_page
    page.goto(server.url)
    two = "brought.items.add(new File([text], name));"
    page.evaluate(DROP.replace(two, two + two), ["churn.pkl", "a model"])
    expect(page.get_by_text("One file at a time, please.")).to_be_visible()
    assert page.evaluate("window.lit") is True


def test_what_is_live_is_judged_by_hand_and_removed_with_a_way_back(bob_page, server, live):
    judge.judge(live)
    page = bob_page
    page.goto(server.url)
    shoot(page, server, "home-engineer")
    page.goto(f"{server.url}/waiting/")
    shoot(page, server, "waiting-some")
    follow(page, page.get_by_role("link", name="Drift is watched: churn"))
    page.get_by_label("How you know").fill("I look at it on Mondays")
    follow(page, page.get_by_role("button", name="Confirm by hand"))
    expect(page.get_by_text("confirmed by hand by Bob: I look at it on Mondays").first).to_be_visible()
    shoot(page, server, "deployment")
    # The servers are another process's; what is asked of them is tested where they are.
    Deployment.objects.update(state="removed", removed_at=live.made_at)
    page.goto(f"{server.url}/live/")
    expect(page.get_by_role("button", name="Restore")).to_be_visible()
    shoot(page, server, "live-removed")


def test_the_thread_is_read_both_ways(alice_page, server, live, run):
    page = alice_page
    page.goto(f"{server.url}/runs/{run.pk}/")
    follow(page, page.get_by_role("heading", name="Why these steps").locator("xpath=following::a[1]"))
    expect(page.get_by_role("heading", name="Why is “Match features” here?")).to_be_visible()
    shoot(page, server, "trace-down")
    follow(page, page.get_by_role("link", name="Read it the other way"))
    expect(page.get_by_role("heading", name="What came of this?")).to_be_visible()
    shoot(page, server, "trace-up")
    follow(page, page.get_by_role("link", name="churn", exact=True).first)
    expect(page.get_by_role("heading", name="churn 2")).to_be_visible()


def test_every_other_page_of_the_thread_has_no_barrier(alice_page, server, live, run, revision):
    step = run.steps.get(leaf="retrain")
    pages = {
        "runs": "/runs/", "live-one": "/live/", "step": f"/runs/{run.pk}/steps/{step.pk}/", "templates": "/templates/",
        "kind": "/kinds/endpoint.compare/", "journeys": "/journeys/", "persona": "/personas/ml-engineer/",
        "journey-new": "/journeys/new/", "trace-run": f"/trace/run/{run.pk}/", "outcomes": "/outcomes/",
        "home-researcher": "/",
    }  # fmt: skip
    for name, address in pages.items():
        alice_page.goto(f"{server.url}{address}")
        shoot(alice_page, server, name)


def test_the_example_is_removed_by_one_button(page, server, ml):
    starters.bring()
    example.LoadExample(example.MODELS).execute()
    remy = example.people()["remy"]
    remy.set_password("walk the grass")
    remy.save()
    sign_in(page, server, "remy")
    follow(page, page.get_by_role("link", name="What it is, and removing it"))
    shoot(page, server, "example")
    page.get_by_role("button", name="Remove the example").click()
    no_violations(page)
    follow(page, page.get_by_role("button", name="Remove it"))
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    assert not Team.objects.exists()
