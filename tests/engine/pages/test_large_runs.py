"""What a large run's other pages take: resuming it, and comparing it with another."""

import time

import pytest

from engine.models import StepRun
from tests.engine.pages.test_steps_page import LONG, PAGE, WIDE
from tests.pace import slowness
from tests.running import EACH, many

SLOW = 2 * PAGE  # these are asked for once, not while one looks on


def timed(client, address: str) -> float:
    begun = time.process_time()
    assert client.get(address).status_code == 200
    return time.process_time() - begun


@pytest.mark.parametrize(("flow", "count"), [(WIDE, 1000), (LONG, 10_000)], ids=["wide", "long"])
def test_a_large_failed_run_is_resumed_and_compared_within_a_moment(flow, count, as_bob, begin):
    before, run = many(begin, flow, count), many(begin, flow, count)
    half = run.steps.order_by("pk")[count // 2].pk
    StepRun.objects.filter(run=run, pk__gte=half).update(state="cancelled")
    StepRun.objects.filter(pk=half).update(state="failed", reason="it broke")
    type(run).objects.filter(pk=run.pk).update(state="failed", reason="it broke")
    as_bob.get(f"/runs/{run.pk}/")
    page, resumed = timed(as_bob, f"/runs/{run.pk}/"), timed(as_bob, f"/runs/{run.pk}/resume/")
    compared = timed(as_bob, f"/runs/{run.pk}/compare/{before.pk}/")
    print(f"{count:,} steps: page {page:.2f} s, resume {resumed:.2f} s, compare {compared:.2f} s")
    slow = slowness(time.process_time)
    assert page < PAGE * slow
    assert max(resumed, compared) < SLOW * slow


def test_two_runs_over_ten_thousand_items_are_compared_within_a_moment(as_bob, begin):
    runs = [many(begin, EACH, 10_000, "items: {type: json}", items=[1]) for _ in range(2)]
    took = timed(as_bob, f"/runs/{runs[1].pk}/compare/{runs[0].pk}/")
    print(f"10,000 items: compare {took:.2f} s")
    assert took < SLOW * slowness(time.process_time)
