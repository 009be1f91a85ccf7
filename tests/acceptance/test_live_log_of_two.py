"""Two researchers in one live session, a browser each: nobody's words are lost, and nobody is left untold."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import expect

from research.models import Observation, StudyRole
from tests.acceptance.conftest import PATIENCE, on_server, shoot, sign_in
from tests.acceptance.test_live_log import log, open_log, texts

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

POLLS = "**/observations/?since=*"


@pytest.fixture
def bob_page(browser, server, bob, study, session, participant) -> Any:
    """Bob's page of the session, on which “Opens two notebooks” was logged before.

    Its clock stands still: it asks for what others did, and tries again what failed, when a test moves the clock.
    """
    study.members.filter(user=bob).update(role=StudyRole.RESEARCHER)
    Observation.objects.create(session=session, participant=participant, at=5000, text="Opens two notebooks")
    context = browser.new_context()
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    sign_in(page, server, "bob")
    page.clock.install()
    page.route(POLLS, lambda route: route.abort())
    open_log(page, server, session)
    page.clock.pause_at(datetime.now(UTC) + timedelta(minutes=1))
    yield page
    context.close()


def rewrite(page: Any, text: str) -> None:
    """Change the words of the last entry."""
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    page.locator("#box").fill(text)
    page.keyboard.press("Enter")


def lost(route: Any) -> None:
    """The server has it, and its answer never comes."""
    route.fetch()
    route.abort()


def asks_again(page: Any) -> None:
    """The page asks for what others did, as it does every twenty seconds."""
    with page.expect_event("requestfinished", lambda asked: "?since=" in asked.url):
        page.clock.fast_forward(20_000)


def test_what_one_changes_comes_to_the_other_also_after_a_question_that_failed(alice_page, bob_page, server, session):
    open_log(alice_page, server, session)
    log(alice_page, "Asks in chat")
    on_server(alice_page)
    with bob_page.expect_event("requestfailed", lambda asked: "?since=" in asked.url):
        bob_page.clock.fast_forward(20_000)
    rows = bob_page.locator("#entries li[data-id]")
    expect(rows).to_have_count(1)
    rewrite(alice_page, "Asks Ravi in chat")
    on_server(alice_page)
    bob_page.unroute(POLLS)
    asks_again(bob_page)
    expect(rows.filter(has_text="Asks Ravi in chat")).to_have_count(1)
    expect(rows).to_have_count(2)


def test_the_words_of_one_and_the_mark_of_the_other_are_both_kept(alice_page, bob_page, server, session):
    open_log(alice_page, server, session)
    rewrite(alice_page, "Opens three notebooks")
    on_server(alice_page)
    bob_page.keyboard.press("Control+m")
    expect(bob_page.locator("#toasts")).to_contain_text("Somebody else changed the entry at 00:00:05 while you did.")
    on_server(bob_page)
    one = Observation.objects.get()
    assert (one.text, one.marked) == ("Opens three notebooks", True)
    expect(bob_page.locator("#entries li[data-id]")).to_contain_text("Opens three notebooks")
    bob_page.keyboard.press("Control+z")  # takes the mark back, and not what Alice wrote
    on_server(bob_page)
    one.refresh_from_db()
    assert (one.text, one.marked) == ("Opens three notebooks", False)


def test_when_both_change_the_words_both_are_there_and_who_came_second_is_told(alice_page, bob_page, server, session):
    open_log(alice_page, server, session)
    bob_page.context.set_offline(True)
    rewrite(bob_page, "Opens notebooks")
    rewrite(bob_page, "Opens 2 notebooks")
    rewrite(alice_page, "Opens three notebooks")
    on_server(alice_page)
    bob_page.context.set_offline(False)
    toast = bob_page.locator("#toasts")
    expect(toast).to_contain_text("“Opens three notebooks”")
    expect(toast).to_contain_text("“Opens 2 notebooks”")
    bob_page.clock.resume()  # a screenshot waits for the next frame
    shoot(bob_page, server, "live-overtaken")
    on_server(bob_page)
    assert sorted(texts()) == ["Opens 2 notebooks", "Opens three notebooks"]
    assert Observation.objects.get(at=5000, text="Opens three notebooks").revision == 2


def test_what_one_rewrites_while_the_other_removes_it_stays(alice_page, bob_page, server, session):
    open_log(alice_page, server, session)
    rewrite(alice_page, "Opens three notebooks")
    on_server(alice_page)
    bob_page.keyboard.press("ArrowUp")
    bob_page.keyboard.press("Delete")
    expect(bob_page.locator("#toasts")).to_contain_text("It is still there and says: “Opens three notebooks”")
    on_server(bob_page)
    assert texts() == ["Opens three notebooks"]
    expect(bob_page.locator("#entries li[data-id]")).to_contain_text("Opens three notebooks")


def test_what_comes_while_the_box_is_open_is_not_overwritten_by_it(alice_page, bob_page, server, session):
    open_log(alice_page, server, session)
    bob_page.unroute(POLLS)
    bob_page.keyboard.press("ArrowUp")
    bob_page.keyboard.press("Enter")
    bob_page.locator("#box").fill("Opens 2 notebooks")
    rewrite(alice_page, "Opens three notebooks")
    on_server(alice_page)
    asks_again(bob_page)
    expect(bob_page.locator("#entries li[data-id]")).to_contain_text("Opens three notebooks")
    bob_page.keyboard.press("Enter")
    expect(bob_page.locator("#toasts")).to_contain_text("“Opens 2 notebooks”")
    on_server(bob_page)
    assert sorted(texts()) == ["Opens 2 notebooks", "Opens three notebooks"]


def test_what_is_written_into_an_entry_that_was_removed_meanwhile_is_there(alice_page, bob_page, server, session):
    open_log(alice_page, server, session)
    bob_page.unroute(POLLS)
    bob_page.keyboard.press("ArrowUp")
    bob_page.keyboard.press("Enter")
    bob_page.locator("#box").fill("Opens 2 notebooks")
    alice_page.keyboard.press("ArrowUp")
    alice_page.keyboard.press("Delete")
    on_server(alice_page)
    asks_again(bob_page)
    expect(bob_page.locator("#entries li[data-id]")).to_have_count(0)
    bob_page.keyboard.press("Enter")
    expect(bob_page.locator("#toasts")).to_contain_text("With what you wrote it is there again")
    on_server(bob_page)
    assert texts() == ["Opens 2 notebooks"]
    expect(bob_page.locator("#entries li[data-id]")).to_contain_text("Opens 2 notebooks")


def test_what_another_corrects_before_the_answer_comes_is_one_entry(alice_page, bob_page, server, session):
    bob_page.route("**/observations/*-*/", lost, times=1)
    with bob_page.expect_event("requestfailed", lambda asked: asked.method == "PUT"):
        log(bob_page, "Asks in chat")
    Observation.objects.filter(text="Opens two notebooks").update(at=0)  # so that what Bob logged is the last
    open_log(alice_page, server, session)
    rewrite(alice_page, "Asks Ravi in chat")
    on_server(alice_page)
    bob_page.clock.fast_forward(2_000)  # it tries again after one second
    on_server(bob_page)
    assert sorted(texts()) == ["Asks Ravi in chat", "Opens two notebooks"]
    expect(bob_page.locator("#entries li[data-id]", has_text="Asks")).to_have_count(1)
    expect(bob_page.locator("#entries li[data-id]", has_text="Asks Ravi in chat")).to_have_count(1)


def test_an_answer_that_never_came_makes_nobody_a_stranger_to_their_own_words(bob_page, server, session):
    bob_page.route("**/observations/*-*/", lost, times=1)
    with bob_page.expect_event("requestfailed", lambda asked: asked.method == "PUT"):
        rewrite(bob_page, "Opens notebooks")
    rewrite(bob_page, "Opens 2 notebooks")
    bob_page.clock.fast_forward(2_000)  # it tries again after one second
    on_server(bob_page)
    assert texts() == ["Opens 2 notebooks"]
    expect(bob_page.locator("#toasts")).to_be_empty()
