"""Much at once: a template of 10,000 steps, and a claim among 20,000 that wait and 100,000 that are over."""

from __future__ import annotations

import json
import statistics
import time
from datetime import timedelta

import pytest
from django.utils import timezone

from engine.definition.document import TemplateError
from engine.models import Limit, Run, StepRun
from engine.queue import claims, concurrency
from engine.statuses import RunState, StepState
from engine.steps import catalogue
from tests.engine import kinds
from tests.engine.conftest import Runner
from tests.pace import slowness
from tests.rows import copies

pytestmark = pytest.mark.django_db

WAITING, OVER = 20_000, 100_000
# Milliseconds: about 1 on an idle machine, so this says “it does not grow with what waits” and not how fast it is. Of
# this process's own work, where the database is SQLite; by the clock, which counts what others do meanwhile.
WORK_WITHIN = 20.0
CLAIM_WITHIN = 200.0


def steps(count: int) -> str:
    leaves = [{"id": f"s{i}", "title": f"Step {i}", "uses": "test.probe"} for i in range(count)]
    return json.dumps({"desirepath": 1, "template": "long", "persona": "ml-engineer", "flow": leaves})


def test_a_template_of_ten_thousand_steps_is_checked_in_seconds_starts_and_ends(run_flow: Runner) -> None:
    began = time.process_time()
    checked = catalogue.from_yaml(steps(10_000))
    assert time.process_time() - began < 40 * slowness(time.process_time)  # about 4 on an idle machine
    leaves = json.dumps([{"id": leaf.id, "uses": leaf.uses} for leaf in checked.flow.leaves()])
    run = run_flow(leaves)
    assert (run.state, run.reason) == (RunState.SUCCEEDED, "")
    assert len(kinds.DONE) == 10_000
    assert set(kinds.DONE.values()) == {1}


def test_one_step_more_is_refused_in_words() -> None:
    with pytest.raises(TemplateError, match="more than 10,000 steps"):
        catalogue.from_yaml(steps(10_001))


def test_a_claim_does_not_grow_with_what_waits_behind_a_limit_and_what_is_over(run_flow: Runner, capsys) -> None:
    run = run_flow("- {id: a, uses: test.probe}", drain=False)
    concurrency.limits.forget()
    Limit.objects.create(team=run.team, at_most=1)
    fill(run, WAITING, StepState.READY)
    fill(run, OVER, StepState.SUCCEEDED)
    another = claims.Claimer("another")
    (held,) = claims.claim("works")  # the limit is full now, and stays so: however slow the machine, the worker lives
    StepRun.objects.filter(pk=held.pk).update(lease_until=timezone.now() + timedelta(hours=1))
    while StepRun.objects.filter(state=StepState.READY).exists():
        assert another.claim() == []  # each puts a few thousand into the queue
    working = time.process_time()
    figures = [claim_ms(another) for _ in range(50)]
    worked = 1000 * (time.process_time() - working) / len(figures)
    median, p95 = statistics.median(figures), sorted(figures)[47]
    with capsys.disabled():
        print(f"\na claim behind {WAITING:,} that wait: {median:.1f} ms, p95 {p95:.1f} ms, work {worked:.1f} ms")
    assert worked < WORK_WITHIN * slowness(time.process_time)
    assert median < CLAIM_WITHIN * slowness()
    StepRun.objects.filter(owner="works").update(state=StepState.CANCELLED, owner="")
    assert concurrency.reconcile() == 1
    (admitted,) = claims.claim("another")
    assert admitted.queue == ""


def claim_ms(claimer: claims.Claimer) -> float:
    began = time.perf_counter()
    assert claimer.claim() == []
    return 1000 * (time.perf_counter() - began)


def fill(run: Run, count: int, state: StepState) -> None:
    """So many steps of this run, in places of their own."""
    first = StepRun.objects.create(run=run, path=f"{state[0]}.0", leaf="a", state=state)
    copies(first, count - 1, path=f"'{state[0]}.' || n")
