"""What happened, in order, for ever: the pages' live updates, the audit log and the exports read it."""

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Self

from django.conf import settings
from django.db import connection, models
from django.utils import timezone

if TYPE_CHECKING:
    from people.models import User

TAKEN_OVER = "step.taken_over"  # its worker was gone: the lease had run out
LOG = "step.log"
SETTLED = timedelta(seconds=3)  # after which nothing with a lower number is still to come
NEAR = 10_000  # numbers; so many are not given in that time


class EventQuerySet(models.QuerySet["Event"]):
    def visible_to(self, user: "User") -> Self:
        return self.filter(team__in=user.memberships.values("team"))

    def after(self, event_id: int) -> Self:
        return self.filter(pk__gt=event_id).order_by("pk")

    def late(self, event_id: int) -> Self:
        """Recent events up to this one: on PostgreSQL a lower number may be committed after a higher one was read."""
        if connection.vendor != "postgresql":
            return self.none()
        near = self.filter(pk__lte=event_id, pk__gt=event_id - NEAR)
        return near.filter(at__gt=timezone.now() - SETTLED).order_by("pk")

    def settled(self) -> Self:
        """Without recent events, so that a reader who continues after the last of these misses none."""
        if connection.vendor != "postgresql":
            return self
        old = Event.objects.filter(at__lte=timezone.now() - SETTLED).order_by("-pk").values_list("pk", flat=True)
        return self.filter(pk__lte=old.first() or 0)  # found from the newest backward, in a few rows

    def audited(self) -> Self:
        """Without what programs printed."""
        return self.exclude(kind=LOG).exclude(kind="step.error")  # one by one: so the index of the audit is used


class Event(models.Model):
    """Append-only. `text` is a sentence for a person; `data` what a program needs."""

    team = models.ForeignKey("people.Team", on_delete=models.CASCADE, related_name="+")
    run = models.ForeignKey("engine.Run", null=True, on_delete=models.CASCADE, related_name="events")
    step = models.ForeignKey("engine.StepRun", null=True, on_delete=models.CASCADE, related_name="events")
    deployment = models.ForeignKey("engine.Deployment", null=True, on_delete=models.CASCADE, related_name="events")
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    at = models.DateTimeField(default=timezone.now)
    kind = models.CharField(max_length=40)  # run.started, step.succeeded, step.log, traffic.shifted …
    text = models.TextField(blank=True)
    data = models.JSONField(default=dict)

    objects = EventQuerySet.as_manager()

    class Meta:
        ordering = ["pk"]
        indexes = [
            models.Index(fields=["run", "id"], name="event_run_id"),
            models.Index(fields=["team", "id"], condition=~models.Q(kind=LOG), name="event_audit"),
            models.Index(fields=["id"], condition=models.Q(kind=TAKEN_OVER), name="event_taken_over"),
        ]

    def __str__(self) -> str:
        return f"{self.kind}: {self.text}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if self.pk:
            raise TypeError("an event is never changed")
        super().save(*args, **kwargs)
