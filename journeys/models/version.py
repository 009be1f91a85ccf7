"""Versions of a map: what it said, and who stood behind it."""

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import models, transaction
from django.utils import timezone

from journeys.models.journey import JourneyMap

if TYPE_CHECKING:
    from people.models import User


class MapVersionManager(models.Manager["MapVersion"]):
    def take(self, map_: JourneyMap, user: "User | None", note: str = "") -> "MapVersion":
        """Keep what the map says now; the same as the last version is that version."""
        snapshot = _snapshot(map_)
        with transaction.atomic():
            last = map_.versions.first()
            if last and last.snapshot == snapshot:
                return last
            number = last.number + 1 if last else 1
            return self.create(map=map_, number=number, snapshot=snapshot, made_by=user, note=note)


class MapVersion(models.Model):
    """Immutable but for its sign-off."""

    map = models.ForeignKey(JourneyMap, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    snapshot = models.JSONField()
    note = models.CharField(max_length=300, blank=True)
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    made_at = models.DateTimeField(default=timezone.now)
    signed_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    signed_at = models.DateTimeField(null=True)
    comment = models.TextField(blank=True)

    objects = MapVersionManager()

    class Meta:
        ordering = ["-number"]
        constraints = [models.UniqueConstraint(fields=["map", "number"], name="one_version_per_number")]

    def __str__(self) -> str:
        return f"{self.map} version {self.number}"

    @property
    def persona_id(self) -> int:
        return self.map.persona_id

    def sign_off(self, user: "User", comment: str = "") -> None:
        """The champion stands behind it. The view asks `may(user, "sign", version)` first."""
        self.signed_by, self.signed_at, self.comment = user, timezone.now(), comment
        self.save(update_fields=["signed_by", "signed_at", "comment"])


def _snapshot(map_: JourneyMap) -> dict[str, Any]:
    steps = map_.steps.select_related("stage").prefetch_related("cells", "links")
    return {
        "flow": map_.flow, "inputs": map_.inputs, "done": map_.done,
        "steps": [
            {
                "key": step.key, "title": step.title, "stage": step.stage.title if step.stage else "",
                "cells": {cell.lane: cell.text for cell in sorted(step.cells.all(), key=lambda c: c.lane) if cell.text},
                "evidence": sorted(str(link.observation_id) for link in step.links.all()),
            }
            for step in steps
        ],
    }  # fmt: skip
