"""Ended runs as OpenTelemetry spans, sent over OTLP/HTTP where OTEL_EXPORTER_OTLP_ENDPOINT says to.

A trace is a run, named by its key; a span is a step. A run always has the same ids, so sending it again after a crash
adds nothing. Inputs and outputs of steps are not sent.
"""

from __future__ import annotations

import hashlib
import logging
from datetime import datetime
from typing import TYPE_CHECKING

from django.conf import settings
from django.utils import timezone

from engine.models import Event, EventCursor, Run, StepRun
from engine.models.event import SETTLED
from engine.statuses import RunState, StepState

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import SpanContext

NAME = "spans"
ENDS = ("run.succeeded", "run.failed", "run.cancelled")
AT_ONCE = 1000  # events

log = logging.getLogger("desirepath.spans")


def wanted() -> bool:
    """Whether somebody has said where spans go."""
    return bool(settings.OTLP_ENDPOINT)


def send_new(exporter: SpanExporter) -> int:
    """Send the runs that have ended since the last time. Returns how many; 0 too when another engine is at it.

    The first time there is nothing before: what ended earlier is not sent.
    """
    newest = Event.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    cursor = EventCursor.objects.take(NAME, newest)
    if cursor is None:
        return 0
    reached, sent = cursor.event, 0
    try:
        for event in _settled(cursor.event):
            if event.kind in ENDS and event.run_id is not None:
                _send(exporter, event.run_id)
                sent += 1
            reached = event.pk
    finally:
        cursor.give_back(reached)
    return sent


def _settled(after: int) -> list[Event]:
    """The next events, up to the first recent one, before which another may still be committed."""
    settled = []
    for event in Event.objects.after(after).only("pk", "kind", "at", "run_id")[:AT_ONCE]:
        if event.at > timezone.now() - SETTLED:
            break
        settled.append(event)
    return settled


class NotSent(Exception):
    """The collector did not accept the spans; they are sent again later."""


def _send(exporter: SpanExporter, pk: int) -> None:
    from opentelemetry.sdk.trace.export import SpanExportResult

    run = Run.objects.select_related("revision__template", "team", "deployment").get(pk=pk)
    if exporter.export(spans_of(run)) is not SpanExportResult.SUCCESS:
        raise NotSent(f"The spans of {run} were not taken and are sent again. Look at OTEL_EXPORTER_OTLP_ENDPOINT.")


def spans_of(run: Run) -> list[ReadableSpan]:
    """The run's own span, then one for each step that was taken up."""
    steps = [step for step in run.steps.order_by("pk") if step.started_at]
    return [_run_span(run), *(_step_span(run, step) for step in steps)]


def _run_span(run: Run) -> ReadableSpan:
    attributes: dict[str, str | int] = {
        "desirepath.run": run.pk, "desirepath.template": run.revision.template.name,
        "desirepath.revision": run.revision.number, "desirepath.team": run.team.slug, "desirepath.state": run.state,
        "desirepath.deployment": run.deployment.name if run.deployment else "",
    }  # fmt: skip
    failed = run.reason if run.state == RunState.FAILED else None
    return _span(run, "run", f"run {run.revision.template.name}", attributes, (run.started_at, run.until, failed))


def _step_span(run: Run, step: StepRun) -> ReadableSpan:
    uses = run.flow.leaf(step.leaf).uses if step.leaf else step.purpose
    attributes: dict[str, str | int] = {
        "desirepath.step": step.leaf or step.purpose, "desirepath.kind": uses, "desirepath.state": step.state,
        "desirepath.iteration": step.iteration, "desirepath.attempt": step.attempt, "desirepath.claim": step.claim,
    }  # fmt: skip
    assert step.started_at
    failed = step.reason if step.state == StepState.FAILED else None
    timed = (step.started_at, step.ended_at or run.until, failed)
    return _span(run, f"step/{step.pk}", step.leaf or str(step.purpose), attributes, timed)


Timed = tuple[datetime, datetime, str | None]  # from, until, and why it failed


def _span(run: Run, key: str, name: str, attributes: dict[str, str | int], timed: Timed) -> ReadableSpan:
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.trace import Status, StatusCode

    began, ended, failed = timed
    return ReadableSpan(
        name, _context(run, key), None if key == "run" else _context(run, "run"),
        Resource.create({"service.name": settings.OTEL_SERVICE_NAME}), attributes,
        status=Status(StatusCode.OK) if failed is None else Status(StatusCode.ERROR, failed[:500]),
        start_time=_nanoseconds(began), end_time=max(_nanoseconds(ended), _nanoseconds(began)),
    )  # fmt: skip


def _context(run: Run, key: str) -> SpanContext:
    from opentelemetry.trace import SpanContext, TraceFlags

    digest = hashlib.sha256(f"{run.key}/{key}".encode()).digest()
    return SpanContext(run.key.int, int.from_bytes(digest[:8]) or 1, False, TraceFlags(TraceFlags.SAMPLED))


def _nanoseconds(at: datetime) -> int:
    return int(at.timestamp() * 1_000_000) * 1000
