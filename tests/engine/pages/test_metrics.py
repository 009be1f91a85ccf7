"""/metrics: figures from the tables, for this machine or with a token, at a cost that does not grow."""

from __future__ import annotations

import time
from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from engine.models import EngineHeartbeat, Event, Run, StepRun
from engine.telemetry.metrics import EngineMetrics, Timed, claim_latencies, overheads
from engine.views.metrics import _registry
from tests.pace import slowness
from tests.rows import copies, new_uuid

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def fresh() -> None:
    _registry.cache_clear()


def figures(**headers: str) -> dict[str, float]:
    answer = Client().get("/metrics", headers=headers)
    assert answer.status_code == 200, answer.content
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    families = text_string_to_metric_families(answer.content.decode())
    return {
        sample.name + "".join(f" {value}" for value in sample.labels.values()): sample.value
        for family in families for sample in family.samples
    }  # fmt: skip


def test_it_tells_of_steps_runs_and_engines(run_flow):
    run_flow("[{id: a, uses: test.probe}, {id: b, uses: test.probe}]")
    run_flow("[{id: a, uses: manual}]")
    run_flow("[{id: a, uses: test.probe}]", drain=False)
    EngineHeartbeat.objects.note("here:1:x", timezone.now(), found=False)
    EngineHeartbeat.objects.note("here:2:x", timezone.now() - timedelta(minutes=1), found=False)
    found = figures()
    assert found["desirepath_steps ready"] == 1
    assert found["desirepath_steps waiting"] == 1
    assert found["desirepath_steps running"] == 0
    assert found["desirepath_runs succeeded"] == 1
    assert found["desirepath_runs running"] == 2
    assert found["desirepath_engines alive"] == 2
    assert found["desirepath_engines looking"] == 1
    assert 0 <= found["desirepath_claim_latency_seconds 0.5"] < 10
    assert 0 <= found["desirepath_step_overhead_seconds 0.5"] < 10
    assert found["desirepath_lease_expiries_total"] == 0


def test_an_empty_database_has_figures_too():
    assert figures()["desirepath_oldest_ready_seconds"] == 0


def test_the_oldest_ready_step_has_an_age_from_when_it_was_ready(run_flow):
    run = run_flow("[{id: a, uses: test.probe}]", drain=False)
    run.steps.update(made_at=timezone.now() - timedelta(minutes=5))
    assert 299 < figures()["desirepath_oldest_ready_seconds"] < 330
    run.steps.get().say("step.answered", "Alice confirmed")
    assert figures()["desirepath_oldest_ready_seconds"] < 10


def test_what_was_taken_over_from_a_dead_worker_is_counted(run_flow):
    run_flow("[{id: a, uses: test.probe}]").steps.get().say("step.taken_over", "Its worker was gone")
    assert figures()["desirepath_lease_expiries_total"] == 1


def test_another_machine_is_refused_in_words_and_let_in_with_the_token(settings):
    assert Client().get("/metrics").status_code == 200
    far = Client(REMOTE_ADDR="10.0.0.7")
    answer = far.get("/metrics")
    assert answer.status_code == 403
    assert b"DESIREPATH_METRICS_TOKEN" in answer.content
    settings.METRICS_TOKEN = "s3cret"
    assert far.get("/metrics", headers={"Authorization": "Bearer wrong"}).status_code == 403
    assert far.get("/metrics", headers={"Authorization": "Bearer s3cret"}).status_code == 200


def test_who_comes_through_a_proxy_is_not_this_machine():
    assert Client().get("/metrics", headers={"X-Forwarded-For": "10.0.0.7"}).status_code == 403


def test_an_empty_token_lets_nobody_in(settings):
    settings.METRICS_TOKEN = ""
    assert Client(REMOTE_ADDR="10.0.0.7").get("/metrics", headers={"Authorization": "Bearer "}).status_code == 403


def at(seconds: float) -> datetime:
    return datetime.fromisoformat("2026-01-01T00:00:00+00:00") + timedelta(seconds=seconds)


def test_overhead_is_from_the_end_of_the_step_before_to_its_own_start():
    steps = [Timed(1, at(0), at(1), at(3)), Timed(1, at(3.1), at(3.5), None), Timed(2, at(0), at(0.25), at(1))]
    assert claim_latencies(steps) == pytest.approx([1, 0.4, 0.25])
    assert overheads(steps) == pytest.approx([0.5])


def test_a_hundred_thousand_ended_runs_make_it_no_dearer(run_flow, capsys):
    one = run_flow("[{id: a, uses: test.probe}]")
    EngineMetrics().collect()
    before = _cost()
    copies(one, 100_000, key=new_uuid())
    made = Run.objects.exclude(pk=one.pk)
    copies(one.steps.get(), made, run_id="n")
    copies(Event.objects.get(kind="run.succeeded"), made, run_id="n")
    assert (made.count(), StepRun.objects.count(), Event.objects.filter(kind="run.succeeded").count()) == (
        100_000, 100_001, 100_001,
    )  # fmt: skip
    after = _cost()
    with capsys.disabled():
        print(f"\na scrape with nothing: {before * 1000:.0f} ms, with 100,000 ended runs: {after * 1000:.0f} ms")
    assert after < 5 * slowness()


def _cost() -> float:
    """Seconds of a scrape that counts what has ended, too."""
    collector = EngineMetrics()
    with CaptureQueriesContext(connection) as asked:
        began = time.perf_counter()
        list(collector.collect())
        took = time.perf_counter() - began
    assert len(asked) < 16
    return took
