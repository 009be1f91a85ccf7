"""What a run asks: quorum, who may not and why, deadlines, the first of several, and telling it an event."""

import pytest

from engine.models import Run, Signal
from engine.workers import executor
from tests.conftest import signed_in
from tests.running import HAND, drained


def text(client, run_pk) -> str:
    return " ".join(client.get(f"/runs/{run_pk}/").content.decode().split())


def test_it_says_who_has_voted_until_when_and_what_then(as_bob, quorum):
    page = text(as_bob, quorum.run_id)
    assert "1 of 2 yeses: Bob said yes" in page
    assert "looks right" in page
    assert "then the step is skipped" in page


def test_who_has_voted_is_not_asked_again(as_bob, quorum):
    page = text(as_bob, quorum.run_id)
    assert "You said yes." in page
    assert f"steps/{quorum.pk}/approve/" not in page
    assert "Nothing waits for you" in as_bob.get("/waiting/").content.decode()


def test_who_started_it_is_told_that_a_second_person_has_to_say_so(as_alice, quorum):
    page = text(as_alice, quorum.run_id)
    assert "A second person has to say so: you started this." in page
    assert "It waits for the champion or an engineer of the team" in page
    answer = as_alice.post(f"/runs/{quorum.run_id}/steps/{quorum.pk}/approve/", {}, follow=True).content.decode()
    assert "A second person has to say so" in answer


def test_the_last_vote_it_takes_lets_it_go_on(quorum, clara):
    signed_in(clara).post(f"/runs/{quorum.run_id}/steps/{quorum.pk}/approve/", {"comment": "go"})
    executor.drain()
    assert Run.objects.get().state == "succeeded"


def test_the_first_of_several_says_what_has_to_come(as_bob, first):
    page = text(as_bob, first.pk)
    assert "The event “paid” arrives" in page
    assert "The champion says so" in page
    assert "Nothing has come by" in page
    assert "then Remind them" in page


def test_an_engineer_tells_it_an_event_with_what_there_is_to_know(as_bob, first, bob):
    step = first.waiting_steps().get()
    sent = {f"tell-{step.pk}-name": "paid", f"tell-{step.pk}-values": "amount: 12\ncurrency: EUR"}
    assert as_bob.post(f"/runs/{first.pk}/steps/{step.pk}/tell/", sent).status_code == 302
    signal = Signal.objects.get()
    assert (signal.name, signal.data, signal.sent_by) == ("paid", {"amount": 12, "currency": "EUR"}, bob)
    drained(first)
    assert first.steps.get(leaf="bill").state == "succeeded"


@pytest.mark.parametrize("values", ["amount: [", "just words", "- a list"])
def test_what_cannot_be_read_is_shown_again_with_what_is_wrong(values, as_bob, first):
    step = first.waiting_steps().get()
    sent = {f"tell-{step.pk}-name": "paid", f"tell-{step.pk}-values": values}
    page = as_bob.post(f"/runs/{first.pk}/steps/{step.pk}/tell/", sent)
    assert page.status_code == 422
    assert values in page.content.decode()
    assert "amount: 12." in page.content.decode()
    assert not Signal.objects.exists()


def test_nobody_waits_for_an_event_that_no_step_named(as_bob, begin):
    run = begin(HAND)
    page = as_bob.post(f"/runs/{run.pk}/steps/{run.steps.get().pk}/tell/", {}, follow=True).content.decode()
    assert "This step no longer waits for an event" in page


def test_a_viewer_sees_what_it_waits_for_and_cannot_tell(first, vera):
    client, step = signed_in(vera), first.waiting_steps().get()
    assert "Say by hand" not in text(client, first.pk)
    assert client.post(f"/runs/{first.pk}/steps/{step.pk}/tell/", {}).status_code == 403


def test_the_champion_gives_their_word(first, clara):
    step, client = first.waiting_steps().get(), signed_in(clara)
    client.post(f"/runs/{first.pk}/steps/{step.pk}/confirm/", {"choice": "on trust"})
    drained(first)
    assert first.steps.get(leaf="trust").state == "waiting"


def test_waiting_says_what_happens_at_the_deadline(quorum, clara):
    page = signed_in(clara).get("/waiting/").content.decode()
    assert "the step is skipped" in page
    assert "1 of 2 said yes" in page


def test_waiting_names_events_apart_from_what_waits_for_oneself(as_bob, first, clara):
    page = as_bob.get("/waiting/").content.decode()
    assert "Nothing waits for you" in page
    assert "Waiting for something to happen" in page
    assert "goes on when told paid" in page
    hers = signed_in(clara).get("/waiting/").content.decode()
    assert "it takes the branch “an hour”" in hers
    assert "Waiting for something to happen" not in hers


def test_waiting_has_nothing_of_other_teams(as_charlie, first, quorum):
    assert "Waiting for something to happen" not in as_charlie.get("/waiting/").content.decode()
