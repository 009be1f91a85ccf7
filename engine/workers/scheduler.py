"""Starts scheduled runs. Safe from any number of processes: a run's idempotency key holds its scheduled time."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from engine.actions.start_run import Refused, StartRun
from engine.models import Event, Run, Schedule
from engine.models.schedule import NeverComes
from engine.runs import transitions

LATE = timedelta(seconds=60)  # after which a scheduled time counts as missed
MOST_MISSED = 100


def start_due(now: datetime | None = None) -> list[Run]:
    """Start a run for every schedule whose time has come, as its misfire policy says. Returns the runs."""
    now = now or timezone.now()
    return [run for schedule in Schedule.objects.due(now).select_related("template", "team", "target", "made_by")
            for run in _serve(schedule, now)]  # fmt: skip


def _serve(schedule: Schedule, now: datetime) -> list[Run]:
    assert schedule.next_at
    try:
        times, following = times_to_serve(schedule, now)
    except NeverComes as error:
        Schedule.objects.filter(pk=schedule.pk).update(next_at=None, problem=str(error))
        return []
    # The scheduled time is in the runs' idempotency keys, so a process that dies here starts no run twice.
    try:
        runs = [run for moment in times if (run := _start(schedule, moment))]
    except transitions.Busy:
        return []  # the next look serves this time
    mine = Schedule.objects.filter(pk=schedule.pk, next_at=schedule.next_at)
    mine.update(next_at=following, last_at=times[-1] if times else schedule.last_at)
    return runs


def times_to_serve(schedule: Schedule, now: datetime) -> tuple[list[datetime], datetime]:
    """The times that are to be run for now, oldest first, and the next one after them."""
    assert schedule.next_at
    due, moment = [schedule.next_at], schedule.after(schedule.next_at)
    while moment <= now:
        due = [*due[-MOST_MISSED + 1 :], moment]
        moment = schedule.after(moment)
        if len(due) == MOST_MISSED and now - moment > timedelta(days=1):
            moment = schedule.after(now - timedelta(days=1))  # after a long pause only the newest times matter
    match schedule.misfire:
        case Schedule.Misfire.EACH:
            return due, moment
        case Schedule.Misfire.SKIP:
            return [time for time in due if now - time <= LATE], moment
        case _:
            return due[-1:], moment


def _start(schedule: Schedule, moment: datetime) -> Run | None:
    """The run of this time; None, with the reason kept, when it cannot be started."""
    revision = schedule.template.published or schedule.template.latest
    start = StartRun(
        revision, schedule.team, schedule.made_by, schedule.inputs, schedule.name, schedule.target,
        idempotency_key=f"schedule:{schedule.pk}:{moment.isoformat()}", schedule=schedule,
    )  # fmt: skip
    try:
        run = start.execute()
    except transitions.Busy:
        raise
    except (Refused, transitions.NotPossible) as error:
        with transaction.atomic():
            Schedule.objects.filter(pk=schedule.pk).update(problem=f"{moment:%d %b %H:%M} UTC: {error}")
            Event.objects.create(team=schedule.team, kind="schedule.missed", text=f"{schedule}: {error}")
        return None
    Schedule.objects.filter(pk=schedule.pk).update(problem="")
    return run


def next_start() -> float | None:
    """Seconds until the next schedule's time, or None."""
    next_at = (
        Schedule.objects.filter(paused=False, next_at__isnull=False)
        .order_by("next_at")
        .values_list("next_at", flat=True)
        .first()
    )
    return None if next_at is None else max(0.0, (next_at - timezone.now()).total_seconds())
