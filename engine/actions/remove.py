"""Take a deployment away, and bring it back within seven days."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils import timezone

from engine.models import Deployment
from engine.models.deployment import KEPT
from engine.runs import transitions
from engine.statuses import DeploymentState
from people.models import User


@dataclass(frozen=True)
class Remove:
    """Stops its releases and closes its address. Artefacts and history stay."""

    deployment: Deployment
    user: User

    def check(self) -> None:
        if self.deployment.removed_at:
            raise transitions.NotPossible(f"{self.deployment.name} is removed already")
        if run := self.deployment.runs.active().first():
            raise transitions.NotPossible(f"run {run.pk} is changing {self.deployment.name}; cancel it first")

    def execute(self) -> None:
        self.check()
        with transitions.by_hand(self.deployment):
            target = self.deployment.target.connect()
            target.remove(self.deployment.route_name)
            for release in self.deployment.releases.running():
                release.stop(target)
            self.deployment.removed_at = timezone.now()
            self.deployment.save(update_fields=["removed_at"])
            why = f"{self.user.name} removed {self.deployment.name}; it can be restored for {KEPT.days} days"
            self.deployment.become(DeploymentState.REMOVED, why)


@dataclass(frozen=True)
class Restore:
    """Starts the releases that served when it was removed, and opens its address again."""

    deployment: Deployment
    user: User

    def check(self) -> None:
        if self.deployment.removed_at is None:
            raise transitions.NotPossible(f"{self.deployment.name} is not removed")
        if timezone.now() - self.deployment.removed_at > KEPT:
            raise transitions.NotPossible(f"{self.deployment.name} was removed more than {KEPT.days} days ago")

    def execute(self) -> None:
        from engine.deployments.model_release import restart_release, wait_until_ready

        self.check()
        with transitions.by_hand(self.deployment, removed=True):
            self.check()
            target = self.deployment.target.connect()
            releases = list(self.deployment.releases.usable())
            for release in releases:
                restart_release(target, release)
            for release in releases:
                wait_until_ready(target, release)
            why = f"{self.user.name} restored {self.deployment.name}"
            self.deployment.send(target, self.deployment.traffic(), why)
            self.deployment.removed_at = None
            self.deployment.save(update_fields=["removed_at"])
            self.deployment.become(DeploymentState.DEPLOYED, why)
