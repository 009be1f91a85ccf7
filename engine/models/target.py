"""Where a team's work runs."""

from functools import cache
from typing import TYPE_CHECKING, Self

from django.conf import settings
from django.db import models

from engine.targets import base
from people.keys import KeyField

if TYPE_CHECKING:
    from people.models import Team, User


@cache
def connect(kind: str) -> base.Target:
    """The one adapter of this kind in this process.

    It is kept for the process, not for an engine, because pages, steps and the engine's threads have to ask the same
    dummy: what that target runs exists only in its memory.
    """
    if kind == "dummy":
        from engine.targets.dummy import DummyTarget  # each is loaded where it is used, with what it needs

        return DummyTarget()
    from engine.targets.local import LocalTarget

    return LocalTarget(settings.DESIREPATH_HOME)


class TargetQuerySet(models.QuerySet["Target"]):
    def visible_to(self, user: "User") -> Self:
        return self.filter(team__memberships__user=user).distinct()

    def default_for(self, team: "Team") -> "Target":
        """The team's first target; the embedded default is this machine."""
        return self.filter(team=team).order_by("pk").first() or self.create(team=team, name="local", kind="local")


class Target(models.Model):
    team = models.ForeignKey("people.Team", on_delete=models.CASCADE, related_name="targets")
    name = KeyField(max_length=40)
    kind = models.CharField(max_length=20)  # local or dummy

    objects = TargetQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["team", "name"], name="one_target_per_name")]

    def __str__(self) -> str:
        return self.name

    def connect(self) -> base.Target:
        """The target itself, ready to be asked."""
        return connect(self.kind)
