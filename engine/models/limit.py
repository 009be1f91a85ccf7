"""How many steps may be at work at once: of a team, of a template, on a target."""

from typing import TYPE_CHECKING, Self

from django.db import models
from django.db.models import Q

if TYPE_CHECKING:
    from engine.models.step import StepRun, StepRunQuerySet
    from people.models import User

SCOPES = ("team", "template", "target")


class LimitQuerySet(models.QuerySet["Limit"]):
    def visible_to(self, user: "User") -> Self:
        """A template's limit is everybody's, as templates are."""
        mine = Q(team__memberships__user=user) | Q(target__team__memberships__user=user)
        return self.filter(mine | Q(template__isnull=False)).distinct()


class Limit(models.Model):
    """What counts is how many steps hold a lease or have work launched now; nothing is counted up or down."""

    team = models.OneToOneField("people.Team", null=True, blank=True, on_delete=models.CASCADE, related_name="limit")
    template = models.OneToOneField(
        "engine.Template", null=True, blank=True, on_delete=models.CASCADE, related_name="limit"
    )
    target = models.OneToOneField(
        "engine.Target", null=True, blank=True, on_delete=models.CASCADE, related_name="limit"
    )
    at_most = models.PositiveIntegerField()

    objects = LimitQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(team__isnull=False, template__isnull=True, target__isnull=True)
                | Q(team__isnull=True, template__isnull=False, target__isnull=True)
                | Q(team__isnull=True, template__isnull=True, target__isnull=False),
                name="limit_of_one_thing",
            )
        ]

    def __str__(self) -> str:
        steps = "step" if self.at_most == 1 else "steps"
        return f"at most {self.at_most} {steps} of {self.of} at once"

    @property
    def of(self) -> str:
        """“team Retention”."""
        scope = next(name for name in SCOPES if getattr(self, f"{name}_id"))
        return f"{scope} {getattr(self, scope)}"

    @property
    def key(self) -> str:
        return f"limit:{self.pk}"

    def covers(self, step: "StepRun") -> bool:
        run = step.run
        here = {"team": run.team_id, "target": run.target_id, "template": run.revision.template_id}
        return any(getattr(self, f"{name}_id") == pk for name, pk in here.items())

    def steps(self) -> "StepRunQuerySet":
        """Every step it covers."""
        from engine.models.step import StepRun

        if self.template_id:
            return StepRun.objects.filter(run__revision__template=self.template_id)
        if self.target_id:
            return StepRun.objects.filter(run__target=self.target_id)
        return StepRun.objects.filter(run__team=self.team_id)
