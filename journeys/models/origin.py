"""What ties the rooms: a template's leaf to the journey step it came from, a session to a run it watched."""

from django.db import models
from django.utils import timezone

from engine.models import Revision, Run
from journeys.models.journey import MapStep
from journeys.models.version import MapVersion
from research.models import Session


class Origin(models.Model):
    """Why a leaf is in a template."""

    revision = models.ForeignKey(Revision, on_delete=models.CASCADE, related_name="origins")
    leaf = models.CharField(max_length=63)
    step = models.ForeignKey(MapStep, on_delete=models.CASCADE, related_name="origins")
    version = models.ForeignKey(MapVersion, on_delete=models.CASCADE, related_name="origins")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["revision", "leaf"], name="one_origin_per_leaf")]

    def __str__(self) -> str:
        return f"{self.revision} {self.leaf} from {self.version}"


class SessionRun(models.Model):
    """A session in which a run was watched: a prototype test."""

    session = models.ForeignKey(Session, on_delete=models.CASCADE, related_name="watched_runs")
    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="sessions")
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["session", "run"], name="one_watching_per_run")]

    def __str__(self) -> str:
        return f"session {self.session_id} watched {self.run}"
