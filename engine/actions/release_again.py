"""Release what is live once more, because its settings have changed: a run like the one that made it."""

from __future__ import annotations

from dataclasses import dataclass

from engine.actions.start_run import StartRun
from engine.models import Deployment, Run
from engine.runs import transitions
from people.models import User


@dataclass(frozen=True)
class ReleaseAgain:
    deployment: Deployment
    user: User

    def check(self) -> Run:
        """The run that made what is live. Raises NotPossible where there is none."""
        live = self.deployment.live
        if live is None or live.run is None:
            raise transitions.NotPossible(f"{self.deployment.name} has nothing live that could be released again")
        return live.run

    def execute(self) -> Run:
        """Raises NotPossible while another run is changing it."""
        made_by = self.check()
        return StartRun(
            made_by.revision, self.deployment.team, self.user, made_by.inputs, self.deployment.name,
            self.deployment.target,
        ).execute()  # fmt: skip
