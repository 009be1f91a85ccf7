"""A run's steps: items of a foreach told apart, many of one leaf cut short, all of them a page at a time."""

import time
from typing import Any

import pytest

from engine.models import StepRun
from tests.pace import slowness
from tests.running import EACH, HAND, many

PAGE = 3.0  # seconds of work for the page of the largest run (not of the clock: others use this machine too)
WIDE = "- parallel:\n" + "\n".join(f"    - [{{id: s{n}, uses: manual}}]" for n in range(1000))
LONG = "\n".join(f'- {{id: s{n}, uses: command.run, with: {{command: "true"}}}}' for n in range(10_000))


def text(client, address: str) -> str:
    return str(client.get(address).content.decode())


def test_items_of_a_foreach_are_counted_and_not_called_rounds(as_bob, blocks):
    page = text(as_bob, f"/runs/{blocks.pk}/")
    assert "table 3 of 12" in page
    assert "round 3" not in page
    assert page.index("table 9 of 12") < page.index(">Look at it</a>")  # all items of a leaf together


def test_what_it_asks_names_the_item(as_bob, blocks):
    assert "table 6 of 12: t5" in text(as_bob, f"/runs/{blocks.pk}/")


def test_rounds_of_a_repeat_are_still_rounds(as_bob, begin, alice):
    flow = "- repeat: {at_most: 3, ask: person, flow: [{id: hand, title: Do it, uses: manual}]}"
    run = begin(flow)
    from tests.running import drained

    run.steps.get(leaf="hand").confirm(alice)
    run = drained(run)
    page = text(as_bob, f"/runs/{run.pk}/")
    assert "Again?" in page
    run.steps.get(purpose="decide").confirm(alice, {"choice": "again"})
    page = text(as_bob, f"/runs/{drained(run).pk}/")
    assert "round 2" in page
    assert "item" not in page


def test_fifty_of_one_leaf_are_shown_and_the_rest_is_a_link(as_bob, begin):
    run = many(begin, EACH, 1012, "items: {type: json}", items=[1])
    page = text(as_bob, f"/runs/{run.pk}/")
    assert "and 962 more of “Try one”" in page
    assert page.count(">Try one</a>") == 50
    assert f"/runs/{run.pk}/steps/?step=one" in page


def test_those_in_trouble_are_among_the_fifty(as_bob, begin):
    run = many(begin, EACH, 300, "items: {type: json}", items=[1])
    bad = run.steps.order_by("pk")[7]
    StepRun.objects.filter(pk=bad.pk).update(state="failed", reason="the seventh broke")
    assert "the seventh broke" in text(as_bob, f"/runs/{run.pk}/")


def test_the_list_is_narrowed_and_comes_a_page_at_a_time(as_bob, begin):
    run = many(begin, EACH, 250, "items: {type: json}", items=[1])
    here = f"/runs/{run.pk}/steps/"
    page = text(as_bob, here)
    assert page.count('id="step-') == 100
    last = run.steps.order_by("pk")[99].pk
    assert f"after={last}" in page
    assert "item 101<" in text(as_bob, f"{here}?after={last}")
    assert "No step matches" in text(as_bob, f"{here}?state=failed")
    assert text(as_bob, f"{here}?step=one&state=succeeded&after=nonsense").count('id="step-') == 100


def test_to_a_stranger_the_list_does_not_exist(as_charlie, begin):
    assert as_charlie.get(f"/runs/{begin(HAND).pk}/steps/").status_code == 404


def timed(client, address: str) -> tuple[str, float]:
    client.get("/search/")  # the session and the bar are warm
    begun = time.process_time()
    page = text(client, address)
    return page, time.process_time() - begun


@pytest.mark.parametrize(
    ("flow", "count"), [(WIDE, 1000), (LONG, 10_000), (EACH, 10_000)], ids=["wide", "long", "each"]
)
def test_a_large_run_is_read_within_a_moment(flow, count, as_bob, begin):
    inputs: dict[str, Any] = {"inputs": "items: {type: json}", "items": [1]} if flow == EACH else {}
    run = many(begin, flow, count, **inputs)
    text(as_bob, f"/runs/{run.pk}/")  # the template is read once a process
    page, took = timed(as_bob, f"/runs/{run.pk}/")
    _, part = timed(as_bob, f"/runs/{run.pk}/?part=now")
    _, listed = timed(as_bob, f"/runs/{run.pk}/steps/")
    assert "desirepath: 1" in text(as_bob, "/templates/probe/?part=yaml")
    _, template = timed(as_bob, "/templates/probe/")
    print(f"{count:,} steps: page {took:.2f} s, part {part:.2f} s, list {listed:.2f} s, template {template:.2f} s")
    assert max(took, part, listed, template) < PAGE * slowness(time.process_time)
    assert len(page) < 400_000
    assert ("more than a drawing can show" in page) == (flow != EACH)


def test_a_thousand_who_wait_for_somebody_are_read_within_a_moment(as_bob, begin):
    run = begin(WIDE)
    page, took = timed(as_bob, f"/runs/{run.pk}/")
    print(f"1,000 asking: page {took:.2f} s")
    assert took < PAGE * slowness(time.process_time)
    assert "and 988 more wait for somebody" in page
