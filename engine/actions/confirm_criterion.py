"""A person says that a manual criterion is met by the live release."""

from __future__ import annotations

from dataclasses import dataclass

from engine.actions import judge
from engine.definition.flow import Leaf
from engine.models import Confirmation, CriterionResult, Deployment, Release
from people.models import User


@dataclass(frozen=True)
class ConfirmCriterion:
    deployment: Deployment
    criterion: str  # the id of a leaf under `done`
    user: User
    note: str = ""

    def check(self) -> tuple[Release, Leaf]:
        """The live release and the criterion. Raises ValueError when no criterion of that name is confirmed by hand."""
        release, revision = self.deployment.live, self.deployment.revision()
        done = revision.parsed.done if revision else ()
        leaf = next((leaf for leaf in done if leaf.id == self.criterion), None)
        if release is None or leaf is None or leaf.uses != "manual":
            raise ValueError(f"{self.deployment.name} has no criterion “{self.criterion}” that is confirmed by hand")
        return release, leaf

    def execute(self) -> CriterionResult:
        """Store the confirmation and judge the deployment at once. Confirming again changes nothing."""
        release, leaf = self.check()
        kept = {"user": self.user, "note": self.note}
        Confirmation.objects.get_or_create(release=release, criterion=self.criterion, defaults=kept)
        self.deployment.changed()
        text = f"{self.user.name} confirmed: {leaf.name}"
        self.deployment.say("criterion.confirmed", text, actor=self.user, criterion=self.criterion)
        return next(result for result in judge.judge(self.deployment) if result.criterion == self.criterion)
