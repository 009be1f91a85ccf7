"""The engine processes and when each last claimed. Readiness is computed from it."""

from datetime import datetime, timedelta
from typing import Any, Self

from django.db import models
from django.utils import timezone

RECENT = timedelta(seconds=15)  # an engine that has not looked for so long does not count
OLD = timedelta(minutes=10)  # one not seen for so long is forgotten


class EngineHeartbeatQuerySet(models.QuerySet["EngineHeartbeat"]):
    def alive(self) -> Self:
        """Engines with a recent heartbeat."""
        return self.filter(seen_at__gt=timezone.now() - RECENT)

    def looking(self) -> Self:
        """Engines whose last claim was answered recently, with or without a step."""
        return self.filter(claimed_at__gt=timezone.now() - RECENT)

    def note(self, owner: str, claimed_at: datetime | None, *, found: bool) -> None:
        """Write the heartbeat of this engine."""
        values: dict[str, Any] = {"seen_at": timezone.now(), "claimed_at": claimed_at, "found": found}
        if not self.filter(owner=owner).update(**values):
            self._old().delete()
            host, pid = owner.split(":")[:2]
            self.create(owner=owner, host=host, pid=int(pid), **values)

    def leave(self, owner: str) -> None:
        """This engine ends."""
        self.filter(owner=owner).delete()

    def from_the_future(self, owner: str) -> bool:
        """Whether this machine's clock was set back: one of its heartbeats is in the future. Those are deleted."""
        host = owner.split(":")[0]
        return bool(self.filter(host=host, seen_at__gt=timezone.now() + RECENT).delete()[0])

    def _old(self) -> Self:
        """Engines that died; the next engine deletes their heartbeats."""
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
