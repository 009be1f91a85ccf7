"""The columns of a step's row that an outcome sets, and the event it writes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from django.utils import timezone

from engine.definition.retry import wait_before_retry
from engine.models import StepRun
from engine.outcomes import Asking, Failed, Outcome, Poll, Queued, Skipped, Succeeded
from engine.statuses import StepState

UNDO_TRIES = 5
# The columns of a step that runs again.
FRESH: dict[str, Any] = {
    "checkpoint": {}, "outputs": {}, "reason": "", "note": "", "asking": None, "answer": None, "asked_at": None,
    "started_at": None, "ended_at": None, "wake_at": None, "undone": False, "wake_requested": False, "owner": "",
    "lease_until": None,
}  # fmt: skip


def changes_of(step: StepRun, outcome: Outcome) -> tuple[dict[str, Any], str, str]:
    """The columns an outcome sets, and its event's kind and text (no event for a poll)."""
    now = timezone.now()
    ended = {"checkpoint": step.checkpoint, "ended_at": now, "wake_at": None, "asking": None}
    match outcome:
        case Succeeded():
            return {
                **ended, "state": StepState.SUCCEEDED, "outputs": dict(outcome.outputs), "note": outcome.note[:300],
                "reason": "",
            }, "step.succeeded", outcome.note  # fmt: skip
        case Skipped():
            return {**ended, "state": StepState.SKIPPED, "reason": outcome.reason}, "step.skipped", outcome.reason
        case Poll():
            wake = now + timedelta(seconds=outcome.seconds)
            note = outcome.note[:300] or step.note
            return {"state": StepState.WAITING, "wake_at": wake, "checkpoint": step.checkpoint, "note": note}, "", ""
        case Queued():
            begun = {} if step.checkpoint.get("jobs") else {"started_at": None}
            return {"state": StepState.WAITING, "queue": outcome.queue, "wake_at": None, **begun}, "", ""
        case Asking():
            until = datetime.fromtimestamp(outcome.deadline, UTC) if outcome.deadline else None
            asked = step.asks is not None and step.asks.question == outcome.question
            return {
                "state": StepState.WAITING, "asking": outcome.stored(), "asked_at": step.asked_at or now,
                "checkpoint": step.checkpoint, "wake_at": until,
            }, "" if asked else "step.asks", outcome.question  # fmt: skip
        case Failed():
            return _failed_changes(step, outcome, ended)


def _failed_changes(step: StepRun, failed: Failed, ended: dict[str, Any]) -> tuple[dict[str, Any], str, str]:
    undo = UNDO_TRIES if step.purpose == StepRun.Purpose.UNDO else 0
    retries = step.definition.retries if step.leaf else undo
    wait = wait_before_retry(failed, step.attempt, retries)
    if wait is None:
        return {**ended, "state": StepState.FAILED, "reason": failed.reason}, "step.failed", failed.reason
    again = {
        "state": StepState.WAITING, "wake_at": timezone.now() + timedelta(seconds=wait), "attempt": step.attempt + 1,
        "checkpoint": {}, "started_at": None, "reason": failed.reason, "asking": None, "asked_at": None,
    }  # fmt: skip
    return again, "step.retrying", f"{failed.reason} Trying again in {wait:.1f} s."
