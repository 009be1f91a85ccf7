"""When a template is run by the clock."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError
from django.conf import settings
from django.db import models
from django.utils import timezone

if TYPE_CHECKING:
    from people.models import User


KEPT = timedelta(days=7)  # how long a removed schedule can be put back


class NeverComes(ValueError):
    """The cron expression, or its time zone, cannot be read or names no time; the message says which."""


class ScheduleQuerySet(models.QuerySet["Schedule"]):
    def visible_to(self, user: "User") -> Self:
        return self.filter(team__in=user.memberships.values("team"))

    def due(self, now: datetime) -> Self:
        return self.filter(paused=False, next_at__lte=now).order_by("next_at")


class StandingManager(models.Manager["Schedule"]):
    """Without those that were removed."""

    def get_queryset(self) -> models.QuerySet["Schedule"]:
        return super().get_queryset().filter(removed_at=None)


class Schedule(models.Model):
    """Starts what is published of a template then, with these inputs."""

    class Misfire(models.TextChoices):
        ONCE = "once", "Once"  # however many times were missed while nothing ran: one run
        SKIP = "skip", "Not at all"  # wait for the next time
        EACH = "each", "Each"  # one run for each time missed, the newest hundred

    team = models.ForeignKey("people.Team", on_delete=models.CASCADE, related_name="schedules")
    template = models.ForeignKey("engine.Template", on_delete=models.CASCADE, related_name="schedules")
    target = models.ForeignKey("engine.Target", null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    name = models.CharField(max_length=40, blank=True)  # of the deployment its runs change
    inputs = models.JSONField(default=dict, blank=True)
    cron = models.CharField(max_length=120)  # five fields, as cron(8) reads them
    zone = models.CharField(max_length=60, default="UTC")
    misfire = models.CharField(max_length=5, choices=Misfire.choices, default=Misfire.ONCE)
    paused = models.BooleanField(default=False)
    next_at = models.DateTimeField(null=True)
    last_at = models.DateTimeField(null=True)  # the time that was served last
    problem = models.TextField(blank=True)  # why the last run could not be started
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    made_at = models.DateTimeField(default=timezone.now, editable=False)
    removed_at = models.DateTimeField(null=True)

    objects = StandingManager.from_queryset(ScheduleQuerySet)()
    everything = ScheduleQuerySet.as_manager()  # with those that were removed

    class Meta:
        ordering = ["pk"]
        indexes = [models.Index(fields=["next_at"], condition=models.Q(paused=False), name="schedule_next")]

    def __str__(self) -> str:
        return f"{self.template} at {self.cron} ({self.zone})"

    def remove(self) -> None:
        """Start nothing more; the runs it has started stay."""
        self.removed_at, self.next_at = timezone.now(), None
        self.save(update_fields=["removed_at", "next_at"])

    def restore(self) -> None:
        """Put it back, as after a pause. Raises NeverComes."""
        self.removed_at, self.next_at = None, self.after(timezone.now())
        self.save(update_fields=["removed_at", "next_at"])

    def pause(self, *, paused: bool) -> None:
        """Pause or continue it. Times that passed during the pause are not made up for. Raises NeverComes."""
        self.paused, self.next_at = paused, self.after(timezone.now())
        self.save(update_fields=["paused", "next_at"])

    def after(self, moment: datetime) -> datetime:
        """The first time after this moment. Raises NeverComes."""
        return next_time(self.cron, self.zone, moment)


def next_time(cron: str, zone: str, after: datetime) -> datetime:
    """The first time after `after` that the expression names, in UTC. Daylight saving is kept as Debian's cron does."""
    try:
        local = after.astimezone(ZoneInfo(zone))
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise NeverComes(f"“{zone}” is not a time zone; write one like Europe/Paris or UTC") from error
    try:
        return next(CronSim(cron, local)).astimezone(ZoneInfo("UTC"))
    except CronSimError as error:
        why = str(error).lower().replace("bad day-of-month", "there is no such day")
        raise NeverComes(
            f"“{cron}” names no time: {why}. Write minute, hour, day, month and weekday, for example 30 2 * * 1-5."
        ) from error
    except StopIteration as error:
        raise NeverComes(f"“{cron}” never comes: there is no such day") from error
