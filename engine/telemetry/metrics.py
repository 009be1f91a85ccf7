"""The engine's metrics, read from its tables at each scrape, so any web process answers for all engines.

Each query uses an index or reads only the newest rows, so a scrape costs the same with a hundred thousand ended runs.
Ended runs are counted at most once a minute. Times are in seconds.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from datetime import datetime
from statistics import quantiles
from typing import NamedTuple

from django.db.models import Count
from django.utils import timezone
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from engine.models import EngineHeartbeat, Event, Run, StepRun
from engine.models.event import TAKEN_OVER
from engine.statuses import ENDED_RUNS, LIVE_STEPS, RunState, StepState

NEWEST = 500  # steps from which latencies are computed
COUNTED_FOR = 60.0  # seconds a count of what has ended is good for


class Timed(NamedTuple):
    """When a step was opened, first taken up, and ended."""

    run: int
    made_at: datetime
    started_at: datetime
    ended_at: datetime | None


class EngineMetrics(Collector):
    def __init__(self) -> None:
        self.ended: dict[str, int] = {}
        self.counted_at = float("-inf")

    def collect(self) -> Iterator[Metric]:
        yield _steps()
        yield self._runs()
        yield _engines()
        yield _oldest_ready()
        yield _leases()
        newest = _newest()
        yield _seconds("desirepath_claim_latency", "From a step's opening to its first claim.", claim_latencies(newest))
        yield _seconds(
            "desirepath_step_overhead", "From the end of a step to the start of the next.", overheads(newest)
        )

    def _runs(self) -> Metric:
        family = GaugeMetricFamily(
            "desirepath_runs", "Runs by state; the ended ones as of a minute ago.", labels=["state"]
        )
        if time.monotonic() - self.counted_at > COUNTED_FOR:
            self.ended, self.counted_at = _by_state(ENDED_RUNS), time.monotonic()
        now = _by_state(state for state in RunState if state not in ENDED_RUNS)
        for state, count in {**now, **self.ended}.items():
            family.add_metric([state], count)
        return family


def _by_state(states: Iterable[RunState]) -> dict[str, int]:
    wanted = [str(state) for state in states]
    rows = Run.objects.filter(state__in=wanted).order_by().values_list("state").annotate(count=Count("pk"))
    return {**dict.fromkeys(wanted, 0), **dict(rows)}


def _steps() -> Metric:
    family = GaugeMetricFamily("desirepath_steps", "Steps that have not ended, by state.", labels=["state"])
    for state in LIVE_STEPS:  # one by one: each has an index of its own
        family.add_metric([str(state)], StepRun.objects.filter(state=state).count())
    return family


def _engines() -> Metric:
    family = GaugeMetricFamily("desirepath_engines", "Engines that are alive, and those that claim.", labels=["state"])
    family.add_metric(["alive"], EngineHeartbeat.objects.alive().count())
    family.add_metric(["looking"], EngineHeartbeat.objects.looking().count())
    return family


def _oldest_ready() -> Metric:
    step = StepRun.objects.filter(state=StepState.READY).order_by("pk").first()
    age = (timezone.now() - _ready_since(step)).total_seconds() if step else 0.0
    return GaugeMetricFamily("desirepath_oldest_ready_seconds", "How long the oldest step has been ready.", value=age)


def _ready_since(step: StepRun) -> datetime:
    """When it became ready: opened, answered, or failed before its next attempt."""
    event = step.events.order_by("pk").last()
    return max(step.made_at, event.at) if event else step.made_at


def _leases() -> Metric:
    expired = Event.objects.filter(kind=TAKEN_OVER).count()
    return CounterMetricFamily("desirepath_lease_expiries", "Steps taken over from a dead worker.", value=expired)


def _seconds(name: str, help_: str, seconds: list[float]) -> Metric:
    """Quantiles over the newest steps. They are no counters: ask for them as they are, without rate()."""
    family = GaugeMetricFamily(f"{name}_seconds", f"{help_} Over the newest {NEWEST} steps.", labels=["quantile"])
    if seconds:
        cuts = quantiles([*seconds, *seconds], n=100)  # twice, so that one figure has quantiles too
        for share in (50, 90, 99):
            family.add_metric([f"0.{share}".rstrip("0")], max(0.0, cuts[share - 1]))
    return family


def _newest() -> list[Timed]:
    rows = StepRun.objects.order_by("-pk").values_list("run_id", "made_at", "started_at", "ended_at", "attempt")[
        :NEWEST
    ]
    return [Timed(run, made, began, ended) for run, made, began, ended, attempt in rows if began and attempt == 1]


def claim_latencies(steps: Iterable[Timed]) -> list[float]:
    return [(step.started_at - step.made_at).total_seconds() for step in steps]


def overheads(steps: Iterable[Timed]) -> list[float]:
    """For each step, from the end of the last step of its run that had ended when it was opened, to its own start."""
    seconds, of_run = [], dict[int, list[Timed]]()
    for step in steps:
        of_run.setdefault(step.run, []).append(step)
    for rows in of_run.values():
        ends = sorted(row.ended_at for row in rows if row.ended_at)
        for row in rows:
            before = [end for end in ends if end <= row.made_at]
            seconds += [(row.started_at - before[-1]).total_seconds()] if before else []
    return seconds
