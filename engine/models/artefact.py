"""Files that people hand in and steps put out, by sha256."""

from typing import IO, TYPE_CHECKING, Any, Self

from django.conf import settings
from django.db import models
from django.utils import timezone

from engine.artefacts.store import Artefacts

if TYPE_CHECKING:
    from people.models import Team, User


def store() -> Artefacts:
    """The folder of this home where the bytes are."""
    return Artefacts(settings.DESIREPATH_HOME / "artefacts")


class ArtefactQuerySet(models.QuerySet["Artefact"]):
    def visible_to(self, user: "User") -> Self:
        return self.filter(team__memberships__user=user).distinct()

    def keep(self, stream: IO[bytes], name: str, team: "Team", user: "User | None") -> "Artefact":
        """Store the bytes once and note that this team has them. Raises ArtefactError: too large, or disk full."""
        sha256 = store().put(stream, limit=settings.DESIREPATH_UPLOAD_LIMIT)
        artefact, _ = self.get_or_create(
            team=team, sha256=sha256, defaults={"name": name, "size": store().size(sha256), "made_by": user}
        )
        return artefact


class Artefact(models.Model):
    """That a team has a file. The same bytes handed in by two teams are stored once and noted twice."""

    team = models.ForeignKey("people.Team", on_delete=models.CASCADE, related_name="artefacts")
    sha256 = models.CharField(max_length=64)
    name = models.CharField(max_length=255)
    size = models.BigIntegerField()  # bytes
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    made_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = ArtefactQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["team", "sha256"], name="one_artefact_per_team")]

    def __str__(self) -> str:
        return self.name

    def value(self) -> dict[str, Any]:
        """How a run's inputs and outputs name this file."""
        return {"sha256": self.sha256, "name": self.name, "size": self.size}
