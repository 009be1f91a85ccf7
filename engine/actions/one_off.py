"""Runs a person's command once, in the folder and environment of the live release, with the deployment's settings."""

from __future__ import annotations

import shlex
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from engine.models import Deployment, Event, Release
from engine.runs import transitions
from engine.targets.base import Kind, Log, Status, Workload
from people.models import User

LONGEST_COMMAND = 3600.0  # seconds
SAID = "deployment.exec"  # the event's kind


@dataclass(frozen=True)
class OneOff:
    deployment: Deployment
    user: User
    command: Sequence[str]

    def check(self) -> Release:
        """The live release. Raises NotPossible where it is none of an app."""
        live = self.deployment.live
        if live is None or live.app is None:
            raise transitions.NotPossible(f"{self.deployment.name} has no release that a command could run in")
        return live

    def execute(self) -> str:
        """Start it; the name to look at it by."""
        live = self.check()
        name, made = f"exec-{uuid.uuid4().hex[:12]}", live.app
        assert made
        workload = Workload(
            name, Kind.JOB, ("/bin/sh", "-c", 'exec "$@"', "sh", *self.command),
            env={**made.env, "PYTHONUNBUFFERED": "1", "PROCESS": "exec", "RELEASE": str(live.number)},
            environment=made.environment, source=made.source, timeout=LONGEST_COMMAND,
            secrets=self.deployment.settings(), labels={"deployment": self.deployment.plain_name},
        )  # fmt: skip
        # The event comes first, so that nothing runs unrecorded. It omits the arguments, which may hold secrets.
        text = f"{self.user.name} ran {shlex.quote(self.command[0])} in release {live.number}"
        self.deployment.say(SAID, text, actor=self.user, job=name)
        self.deployment.target.connect().apply(workload)
        return name


def look(deployment: Deployment, name: str, offset: int) -> tuple[Status, Log] | None:
    """How a command goes and what it printed from an offset on; None for what this deployment never ran."""
    if not Event.objects.filter(deployment=deployment, kind=SAID, data__job=name).exists():
        return None
    target = deployment.target.connect()
    status = target.status(name)  # first: what it printed before it was seen to have ended is then all there
    return status, target.logs(name, offset)
