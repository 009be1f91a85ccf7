"""Send all requests back to the release before, at once and by hand."""

from __future__ import annotations

from dataclasses import dataclass

from engine.models import Deployment, Release
from engine.runs import transitions
from people.models import User


@dataclass(frozen=True)
class RollBack:
    deployment: Deployment
    user: User

    def check(self) -> Release:
        """The release to go back to. Raises NotPossible where there is none."""
        if run := self.deployment.runs.active().first():
            raise transitions.NotPossible(f"run {run.pk} is changing {self.deployment.name}; cancel it first")
        live = self.deployment.live
        before = live.previous() if live else None
        if before is None:
            raise transitions.NotPossible(f"{self.deployment.name} has no release before this one to go back to")
        return before

    def execute(self) -> Release:
        self.check()
        with transitions.by_hand(self.deployment):
            before = self.check()
            weights = dict.fromkeys(self.deployment.traffic(), 0) | {str(before.number): 100}
            why = f"{self.user.name} went back to {before.number}"
            self.deployment.send(self.deployment.target.connect(), weights, why)
        return before
