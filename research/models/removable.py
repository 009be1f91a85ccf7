"""Removing something only marks it, so that it can be taken back."""

from typing import Any, TypeVar

from django.db import models
from django.utils import timezone

M = TypeVar("M", bound=models.Model)


class Kept(models.Manager[M]):
    """Only what has not been removed; lists and counts use this one without thinking of it."""

    def get_queryset(self) -> models.QuerySet[M]:
        return super().get_queryset().filter(removed_at=None)


class Removable(models.Model):
    removed_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        abstract = True

    def remove(self) -> None:
        self.mark_removed(timezone.now())

    def restore(self) -> None:
        self.mark_removed(None)

    def mark_removed(self, at: Any) -> None:
        self.removed_at = at
        self.save(update_fields=["removed_at"])
