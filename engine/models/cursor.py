"""How far a reader of the events has come."""

from datetime import timedelta

from django.db import models
from django.utils import timezone

READING = timedelta(seconds=60)  # a reader that died is followed by another after so long


class EventCursorQuerySet(models.QuerySet["EventCursor"]):
    def take(self, name: str, start: int) -> "EventCursor | None":
        """Lock this cursor until `give_back`; None while another engine reads. `start` is the first position."""
        now = timezone.now()
        self.get_or_create(name=name, defaults={"event": start, "taken_until": now})
        if self.filter(name=name, taken_until__lte=now).update(taken_until=now + READING) != 1:
            return None
        return self.get(name=name)


class EventCursor(models.Model):
    name = models.CharField(max_length=40, primary_key=True)
    event = models.BigIntegerField()  # the last that was read
    taken_until = models.DateTimeField()

    objects = EventCursorQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.name}: {self.event}"

    def give_back(self, event: int) -> None:
        """Store the position and release the lock."""
        EventCursor.objects.filter(pk=self.pk).update(event=event, taken_until=timezone.now())
