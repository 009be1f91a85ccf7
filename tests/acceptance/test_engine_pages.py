"""The engine's pages in a browser: every state of a run, comparing, the clock, limits, the audit."""

from typing import Any

import pytest
from playwright.sync_api import expect

from engine.models import Limit, Schedule
from engine.runs import transitions
from tests.acceptance.conftest import PATIENCE, follow, shoot, sign_in
from tests.running import EACH, HAND, MUTEX, drained, many

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def bob_page(page: Any, server: Any, bob: Any, team: Any) -> Any:
    page.set_default_timeout(PATIENCE)
    sign_in(page, server, "bob")
    return page


def test_a_run_of_every_block_is_drawn_and_listed(bob_page, server, blocks):
    page = bob_page
    page.goto(f"{server.url}/runs/{blocks.pk}/")
    expect(page.locator("rect.course-frame")).to_have_count(2)
    expect(page.locator("table.steps")).to_contain_text("table 1 of 12")
    shoot(page, server, "run-blocks")
    page.goto(f"{server.url}/runs/{blocks.pk}/steps/?step=load")
    shoot(page, server, "run-steps")
    page.goto(f"{server.url}/templates/probe/")
    shoot(page, server, "template-blocks")
    page.goto(f"{server.url}/templates/")
    follow(page, page.get_by_role("link", name="Step kinds"))
    shoot(page, server, "step-kinds")
    page.goto(f"{server.url}/look/")
    shoot(page, server, "look")


def test_it_is_paused_and_continued(bob_page, server, blocks):
    page = bob_page
    page.goto(f"{server.url}/runs/{blocks.pk}/")
    follow(page, page.get_by_role("button", name="Pause"))
    expect(page.locator("#run-now .state").first).to_have_text("Paused")
    blocks.refresh_from_db()
    blocks.waiting_steps().order_by("pk").first().confirm(blocks.started_by)
    drained(blocks)
    page.reload()
    expect(page.locator("table.steps")).to_contain_text("waits: the run is paused")
    shoot(page, server, "run-paused")
    follow(page, page.get_by_role("button", name="Continue"))
    expect(page.locator("#run-now .state").first).to_have_text("Running")


def test_an_event_is_told_by_hand(bob_page, server, first):
    page = bob_page
    page.goto(f"{server.url}/runs/{first.pk}/")
    expect(page.locator(".ask")).to_contain_text("The champion says so")
    page.get_by_text("Say by hand that it has happened").click()
    page.get_by_label("What there is to know").fill("amount: [")
    shoot(page, server, "run-first")
    follow(page, page.get_by_role("button", name="Tell the run"))
    expect(page.locator(".ask .wrong")).to_contain_text("Line 1 cannot be read")
    expect(page.get_by_label("What there is to know")).to_have_value("amount: [")
    shoot(page, server, "run-first-wrong")
    page.get_by_label("What there is to know").fill("amount: 12")
    page.goto(f"{server.url}/waiting/")
    expect(page.get_by_text("Waiting for something to happen")).to_be_visible()
    shoot(page, server, "waiting-event")


def test_it_says_who_has_voted_and_why_one_may_not(alice_page, server, quorum):
    page = alice_page
    page.goto(f"{server.url}/runs/{quorum.run_id}/")
    expect(page.locator(".ask")).to_contain_text("1 of 2 yeses: Bob said yes")
    expect(page.locator(".ask")).to_contain_text("A second person has to say so")
    shoot(page, server, "run-quorum")


def test_who_may_vote_sees_it_waiting_with_its_deadline(page, server, quorum, clara):
    page.set_default_timeout(PATIENCE)
    sign_in(page, server, "clara")
    page.goto(f"{server.url}/waiting/")
    expect(page.locator("table")).to_contain_text("the step is skipped")
    shoot(page, server, "waiting-deadline")


def test_queues_are_said_in_words(bob_page, server, begin, team):
    begin(MUTEX)
    second = begin(MUTEX)
    page = bob_page
    page.goto(f"{server.url}/runs/{second.pk}/")
    expect(page.locator("table.steps")).to_contain_text("waits for the mutex gpu, held by run")
    shoot(page, server, "run-queued")


def test_inputs_are_corrected_before_it_goes_on(bob_page, server, failed):
    page = bob_page
    page.goto(f"{server.url}/runs/{failed.pk}/")
    expect(page.locator("table.steps")).to_contain_text("Undo Take it out")
    shoot(page, server, "run-undone")
    follow(page, page.get_by_role("link", name="Resume…"))
    shoot(page, server, "resume")
    page.get_by_label("Rows").fill("")
    page.get_by_label("Note").fill("it was a Friday")
    follow(page, page.get_by_role("button", name="Resume"))
    expect(page.locator(".wrong")).to_be_visible()
    expect(page.get_by_label("Note")).to_have_value("it was a Friday")
    shoot(page, server, "resume-wrong")
    page.get_by_label("Rows").fill("4")
    page.get_by_label("Table").set_input_files({"name": "rows.csv", "mimeType": "", "buffer": b"a,b"})
    follow(page, page.get_by_role("button", name="What would run again?"))
    expect(page.get_by_text("rows.csv, 3 bytes")).to_be_attached()
    shoot(page, server, "resume-look")
    follow(page, page.get_by_role("button", name="Resume"))
    expect(page.locator("#run-now .state").first).to_have_text("Running")
    failed.refresh_from_db()
    assert (failed.inputs["rows"], failed.inputs["table"]["name"]) == (4, "rows.csv")


def test_two_runs_are_laid_side_by_side(bob_page, server, failed, begin, alice):
    later = begin(HAND, "rows: {type: integer}", rows=5)
    page = bob_page
    page.goto(f"{server.url}/runs/{later.pk}/")
    page.locator("#compare-with summary").click()
    follow(page, page.locator("#compare-with a").first)
    expect(page.get_by_text("The first step that went another way")).to_be_visible()
    shoot(page, server, "compare")


def test_a_schedule_is_made_seen_coming_and_taken_back(bob_page, server, revision, clara, dummy):
    revision.publish(clara)
    page = bob_page
    page.goto(f"{server.url}/templates/ship-it/")
    follow(page, page.get_by_role("link", name="Run it by the clock"))
    page.get_by_label("When").fill("0 0 30 2 *")
    expect(page.locator("#next")).to_contain_text("names no time")
    shoot(page, server, "schedule-never")
    page.get_by_label("When").fill("30 2 * * 1-5")
    page.get_by_label("Time zone").fill("Europe/Paris")
    expect(page.locator("#next")).to_contain_text("02:30")
    page.locator("[name=model]").set_input_files({"name": "churn.pkl", "mimeType": "", "buffer": b"a model"})
    page.get_by_label("Name").fill("churn")
    shoot(page, server, "schedule")
    follow(page, page.get_by_role("button", name="Run it by the clock"))
    expect(page.locator("table.clock")).to_contain_text("At 02:30 on Monday through Friday")
    shoot(page, server, "template-clock")
    follow(page, page.get_by_role("button", name="Pause At 02:30"))
    expect(page.locator("table.clock")).to_contain_text("Paused")
    follow(page, page.get_by_role("button", name="Remove At 02:30"))
    expect(page.locator("table.clock")).to_have_count(0)
    follow(page, page.get_by_role("button", name="Undo"))
    expect(page.locator("table.clock")).to_contain_text("Europe/Paris")
    follow(page, page.get_by_role("link", name="Change At 02:30"))
    expect(page.get_by_text("churn.pkl, 7 bytes")).to_be_attached()
    shoot(page, server, "schedule-change")
    page.get_by_label("When").fill("0 9 * * *")
    follow(page, page.get_by_role("button", name="Save"))
    expect(page.locator("table.clock")).to_contain_text("At 09:00 every day")
    assert Schedule.objects.get().inputs["model"]["name"] == "churn.pkl"


def test_limits_are_set_beside_what_is_at_work(bob_page, server, begin, team):
    run = begin(HAND)
    page = bob_page
    page.goto(f"{server.url}/settings/teams/retention/")
    follow(page, page.get_by_role("link", name="How many steps at once"))
    page.get_by_label("At most, of team Retention").fill("3")
    follow(page, page.get_by_role("button", name="Set").first)
    expect(page.get_by_label("At most, of team Retention")).to_have_value("3")
    shoot(page, server, "limits")
    assert Limit.objects.get().at_most == 3
    run.refresh_from_db()


def test_the_audit_and_the_runs_are_narrowed_down(bob_page, server, blocks, bob):
    transitions.pause(blocks, bob)
    page = bob_page
    page.goto(f"{server.url}/settings/")
    follow(page, page.get_by_role("link", name="Who did what"))
    expect(page.locator("table.audit")).to_contain_text("Bob paused the run")
    shoot(page, server, "audit")
    page.goto(f"{server.url}/runs/")
    page.get_by_label("State").select_option("paused")
    page.wait_for_url("**state=paused**")
    expect(page.locator("tbody tr")).to_have_count(1)
    shoot(page, server, "runs-filtered")


def test_a_run_of_ten_thousand_steps_can_be_read(bob_page, server, begin):
    large = many(begin, EACH, 10_000, "items: {type: json}", items=list(range(10)))
    page = bob_page
    page.goto(f"{server.url}/runs/{large.pk}/")
    expect(page.locator("table.steps")).to_contain_text("and 9,950 more of “Try one”")
    shoot(page, server, "run-large")
    branches = "\n".join(f"    - [{{id: s{n}, uses: manual}}]" for n in range(1000))
    wide = begin(f"- parallel:\n{branches}")
    page.goto(f"{server.url}/runs/{wide.pk}/")
    expect(page.get_by_text("more than a drawing can show")).to_be_visible()
    shoot(page, server, "run-wide")
