"""Workers on one PostgreSQL: none runs a step that another has, and one that ends loses nothing."""

from __future__ import annotations

import json
import signal
import time

import pytest

from tests.pace import slowness
from tests.scaled import Asked, Scaled, asked, migrated, own_redis, redis_url, scaled
from tests.waiting import until

pytestmark = pytest.mark.kill
__all__ = ["asked", "migrated", "own_redis", "redis_url", "scaled"]


def checks(asked: Asked, *paths: str, at_once: bool = False) -> str:
    """A flow that asks for each of these."""
    leaves = [{"id": f"s{i}", "uses": "http.check", "with": {"url": asked.url + p, "within": 60}} for i, p in
              enumerate(paths)]  # fmt: skip
    return json.dumps([{"parallel": [[leaf] for leaf in leaves]}] if at_once else leaves)


def test_two_workers_run_each_step_once_though_no_broker_rings(scaled: Scaled, asked: Asked):
    scaled.worker("--threads", "2")
    scaled.worker("--threads", "2")
    paths = [f"/{i}" for i in range(40)]
    run = scaled.start(checks(asked, *paths, at_once=True))
    scaled.finish(run)
    assert asked.count == dict.fromkeys(paths, 1)
    assert scaled.sql(f"select max(claim) from engine_steprun where run_id = {run}") == 1


def test_a_killed_worker_costs_a_lease_and_no_step(scaled: Scaled, asked: Asked, capsys):
    first = scaled.worker()
    run = scaled.start(checks(asked, "/hold/a", "/b"))
    until(lambda: asked.count["/hold/a"] >= 1)
    scaled.worker()
    first.kill()
    killed = time.monotonic()
    asked.let_go.set()
    until(lambda: asked.count["/hold/a"] >= 2, what="for the second worker to take it up")
    took = time.monotonic() - killed
    with capsys.disabled():
        print(f"\nfrom kill -9 of a worker to progress by another: {took:.1f} s")
    assert took < 30 * slowness()
    scaled.finish(run)
    assert asked.count["/b"] == 1


def test_a_worker_told_to_stop_finishes_the_step_at_hand_and_another_goes_on(scaled: Scaled, asked: Asked):
    first = scaled.worker()
    run = scaled.start(checks(asked, "/hold/a", "/b"))
    until(lambda: asked.count["/hold/a"] >= 1)
    first.send_signal(signal.SIGTERM)
    scaled.worker()
    assert first.poll() is None, "it let go of its step"
    asked.let_go.set()
    assert first.wait(240) == 0
    scaled.finish(run)
    assert asked.count == {"/hold/a": 1, "/b": 1}


def test_a_step_that_does_not_finish_holds_a_worker_only_so_long(scaled: Scaled, asked: Asked):
    worker = scaled.worker("--stop-within", "1")
    scaled.start(checks(asked, "/hold/a"))
    until(lambda: asked.count["/hold/a"] >= 1)
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(240) == 0


def test_workers_are_replaced_one_after_the_other_under_load_and_nothing_is_lost(scaled: Scaled, asked: Asked):
    paths = [f"/{i}" for i in range(30)]
    workers = [scaled.worker("--threads", "2") for _ in range(2)]
    runs = [scaled.start(checks(asked, *paths)) for _ in range(4)]
    for old in workers:
        scaled.worker("--threads", "2")
        old.send_signal(signal.SIGTERM)
        assert old.wait(240) == 0
    for run in runs:
        scaled.finish(run)
    assert asked.count == dict.fromkeys(paths, len(runs))


def test_a_ring_wakes_a_worker_long_before_it_would_look(scaled: Scaled, asked: Asked, redis_url):
    scaled.broker = redis_url
    scaled.worker("--look-every", "3600")
    run = scaled.start(checks(asked, "/a"), ring=True)
    scaled.finish(run)


def test_a_broker_that_stops_costs_latency_only(scaled: Scaled, asked: Asked, own_redis):
    scaled.broker = own_redis.url
    scaled.worker()
    own_redis.stop()
    scaled.finish(scaled.start(checks(asked, "/a"), ring=True))
    own_redis.start()
    scaled.finish(scaled.start(checks(asked, "/b"), ring=True))
    assert asked.count == {"/a": 1, "/b": 1}


def test_a_database_that_drops_every_connection_is_found_again(scaled: Scaled, asked: Asked):
    scaled.worker()
    for path in ("/a", "/b"):
        scaled.sql(
            "select count(pg_terminate_backend(pid)) from pg_stat_activity "
            "where datname = current_database() and pid <> pg_backend_pid()"
        )
        scaled.finish(scaled.start(checks(asked, path)))
    assert asked.count == {"/a": 1, "/b": 1}


def test_celerys_own_worker_does_what_is_due_when_it_hears_the_bell(scaled: Scaled, asked: Asked, own_redis):
    scaled.broker = own_redis.url
    scaled.celery()
    run = scaled.start(checks(asked, "/a", "/b"), ring=True)
    scaled.finish(run)
    assert asked.count == {"/a": 1, "/b": 1}


def test_a_killed_celery_worker_gives_its_ring_back_and_its_step_is_taken_up(scaled: Scaled, asked: Asked, own_redis):
    """By a worker of ours, which looks without being rung."""
    scaled.broker = own_redis.url
    celery = scaled.celery()
    run = scaled.start(checks(asked, "/hold/a", "/b"), ring=True)
    until(lambda: asked.count["/hold/a"] >= 1)
    celery.kill()
    asked.let_go.set()
    scaled.worker()
    scaled.finish(run)
    assert asked.count == {"/hold/a": 2, "/b": 1}
