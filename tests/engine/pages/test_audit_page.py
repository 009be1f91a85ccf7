"""/audit/: who did what when."""

import time

from engine.models import Event
from engine.runs import transitions
from tests.pace import slowness
from tests.rows import copies
from tests.running import HAND

PAGE = 1.0  # seconds of work for a page of it


def text(client, **filters) -> str:
    return str(client.get("/audit/", filters).content.decode())


def test_it_says_who_did_what_the_newest_first(as_bob, begin, bob):
    run = begin(HAND)
    transitions.pause(run, bob)
    page = text(as_bob)
    assert page.index("Bob paused the run") < page.index("Alice started probe 1")


def test_what_the_engine_did_is_shown_when_asked_for(as_bob, begin):
    begin(HAND)
    assert "step.asks" not in text(as_bob)
    assert "step.asks" in text(as_bob, who="all")


def test_it_is_narrowed_to_a_person_a_kind_a_run(as_bob, begin, bob, alice):
    run, other = begin(HAND), begin(HAND)
    transitions.pause(run, bob)
    other.steps.get().confirm(alice)
    assert "Alice started" not in text(as_bob, who="bob")
    assert "Bob paused" not in text(as_bob, kind="steps")
    assert "Alice confirmed" in text(as_bob, kind="steps")
    assert "Bob paused" not in text(as_bob, run=other.pk)
    for nonsense in ({"run": "x"}, {"who": "nobody"}, {"kind": "y"}, {"before": "z"}, {"team": "other"}):
        assert as_bob.get("/audit/", nonsense).status_code == 200


def test_what_programs_printed_is_not_in_it(as_bob, begin):
    begin(HAND).say("step.log", "a secret line")
    assert "a secret line" not in text(as_bob, who="all")


def test_others_do_not_see_it(as_charlie, begin):
    begin(HAND)
    assert "No event matches" in text(as_charlie, who="all")


def test_long_ones_come_a_page_at_a_time(as_bob, begin, alice):
    run = begin(HAND)
    for number in range(150):
        run.say("run.told", f"event number {number}", actor=alice)
    page = text(as_bob)
    assert "event number 149" in page
    assert "event number 49<" not in page
    oldest = Event.objects.filter(actor=alice).order_by("-pk")[99].pk
    assert f"before={oldest}" in page
    assert "event number 49<" in text(as_bob, before=oldest)


def test_all_of_it_comes_as_csv_to_who_is_signed_in(as_bob, begin):
    begin(HAND)
    assert 'href="/api/audit/?as=csv"' in text(as_bob)
    answer = as_bob.get("/api/audit/?as=csv")
    assert b"Alice started probe 1" in b"".join(answer.streaming_content)


def test_settings_lead_there(as_bob, team):
    assert 'href="/audit/"' in as_bob.get("/settings/").content.decode()


def test_it_is_fast_with_two_hundred_thousand_events(as_bob, begin, alice):
    run = begin(HAND)
    for kind in ("step.succeeded", "step.log"):
        copies(Event.objects.create(team=run.team, run=run, kind=kind), 100_000)
    text(as_bob)
    for one in ({}, {"who": "all"}, {"who": "alice"}, {"kind": "schedules"}, {"kind": "steps"}, {"run": run.pk}):
        begun = time.process_time()
        text(as_bob, **one)
        took = time.process_time() - begun
        print(f"{one}: {took:.2f} s")
        assert took < PAGE * slowness(time.process_time), one
