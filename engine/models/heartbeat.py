"""Which engines are there, and when each last looked for work: what readiness rests on."""

from datetime import datetime, timedelta
from typing import Any, Self

from django.db import models
from django.utils import timezone

RECENT = timedelta(seconds=15)  # an engine that has not looked for so long does not count
OLD = timedelta(minutes=10)  # one not seen for so long is forgotten


class EngineHeartbeatQuerySet(models.QuerySet["EngineHeartbeat"]):
    def alive(self) -> Self:
        """Those that were seen a moment ago."""
        return self.filter(seen_at__gt=timezone.now() - RECENT)

    def looking(self) -> Self:
        """Those whose question for work was answered a moment ago, whether or not there was any."""
        return self.filter(claimed_at__gt=timezone.now() - RECENT)

    def note(self, owner: str, claimed_at: datetime | None, *, found: bool) -> None:
        """Say that this engine lives, and when it last looked. One short write."""
        values: dict[str, Any] = {"seen_at": timezone.now(), "claimed_at": claimed_at, "found": found}
        if not self.filter(owner=owner).update(**values):
            self._old().delete()
            host, pid = owner.split(":")[:2]
            self.create(owner=owner, host=host, pid=int(pid), **values)

    def leave(self, owner: str) -> None:
        """This engine ends."""
        self.filter(owner=owner).delete()

    def from_the_future(self, owner: str) -> bool:
        """Whether an engine of this machine was seen later than it is: its clock was set back. They are forgotten."""
        host = owner.split(":")[0]
        return bool(self.filter(host=host, seen_at__gt=timezone.now() + RECENT).delete()[0])

    def _old(self) -> Self:
        """Those that ended without a word; the next engine that comes forgets them."""
        return self.filter(seen_at__lt=timezone.now() - OLD)


class EngineHeartbeat(models.Model):
    """One engine process, named as it names itself when it claims a step."""

    owner = models.CharField(max_length=80, primary_key=True)
    host = models.CharField(max_length=40)
    pid = models.PositiveIntegerField()
    started_at = models.DateTimeField(default=timezone.now)
    seen_at = models.DateTimeField(default=timezone.now)
    claimed_at = models.DateTimeField(null=True)  # when the database last answered its question for work
    found = models.BooleanField(default=False)  # whether there was any

    objects = EngineHeartbeatQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.host} process {self.pid}"
