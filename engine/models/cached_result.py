"""What a model's program said of files, kept: the same files give the same figures, so they are reckoned once."""

from typing import Any

from django.db import models
from django.utils import timezone


class CachedResult(models.Model):
    """Keyed by the digest of program, arguments (files by sha256) and environment."""

    key = models.CharField(max_length=64, primary_key=True)
    result = models.JSONField()
    files = models.JSONField(default=dict)  # name -> sha256, in the artefact store
    job = models.CharField(max_length=120)  # that reckoned it
    made_at = models.DateTimeField(default=timezone.now)

    objects: "models.Manager[CachedResult]" = models.Manager()

    def __str__(self) -> str:
        return self.job

    @classmethod
    def keep(cls, key: str, job: str, result: dict[str, Any], files: dict[str, str]) -> None:
        """Note it once; who comes second changes nothing."""
        cls.objects.get_or_create(key=key, defaults={"job": job, "result": result, "files": files})
