"""How far a reader of the events has come."""

from datetime import timedelta

from django.db import models
from django.utils import timezone

READING = timedelta(seconds=60)  # a reader that died is followed by another after so long


class BookmarkQuerySet(models.QuerySet["Bookmark"]):
    def take(self, name: str, start: int) -> "Bookmark | None":
        """This bookmark, for us alone until `give_back`; None while another engine reads. `start` is for the first."""
        now = timezone.now()
        self.get_or_create(name=name, defaults={"event": start, "taken_until": now})
        if self.filter(name=name, taken_until__lte=now).update(taken_until=now + READING) != 1:
            return None
        return self.get(name=name)


class Bookmark(models.Model):
    name = models.CharField(max_length=40, primary_key=True)
    event = models.BigIntegerField()  # the last that was read
    taken_until = models.DateTimeField()

    objects = BookmarkQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.name}: {self.event}"

    def give_back(self, event: int) -> None:
        """Note how far we came, and let the next one read."""
        Bookmark.objects.filter(pk=self.pk).update(event=event, taken_until=timezone.now())
