"""Set how many of each process of a service run. A new process gets requests once it answers; an old one loses them
before it is stopped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from engine.deployments import app_release
from engine.deployments.model_release import wait_until_ready
from engine.models import Deployment, Release
from engine.runs import transitions
from people.models import User

MOST_PROCESSES = 50


@dataclass(frozen=True)
class Scale:
    """Scales the live release and the one kept to go back to. Later releases use the same counts."""

    deployment: Deployment
    user: User
    counts: Mapping[str, int]

    def check(self) -> Release:
        """The live release. Raises NotPossible where there is none, or another kind of thing is live."""
        name, live = self.deployment.name, self.deployment.live
        if live is None or not live.programs:
            raise transitions.NotPossible(f"{name} has no processes that can be scaled")
        if run := self.deployment.runs.active().first():
            raise transitions.NotPossible(f"run {run.pk} is changing {name}; wait for it or cancel it first")
        known = app_release.app_of(live.artefact).processes
        for process, count in self.counts.items():
            if process not in known:
                raise transitions.NotPossible(f"{name} has no process {process}; it has {', '.join(known)}")
            if not 0 <= count <= MOST_PROCESSES:
                raise transitions.NotPossible(f"{process} can run 0 to {MOST_PROCESSES} times, not {count}")
        if self.counts.get(app_release.ANSWERING) == 0:
            raise transitions.NotPossible(
                f"web cannot be 0: nobody would answer. To take it away: desirepath remove {name}"
            )
        return live

    def execute(self) -> None:
        self.check()
        with transitions.by_hand(self.deployment):
            self._scale(self.check())

    def _scale(self, live: Release) -> None:
        target = self.deployment.target.connect()
        self.deployment.scale = {**self.deployment.scale, **self.counts}
        Deployment.objects.filter(pk=self.deployment.pk).update(scale=self.deployment.scale)
        kept = [release for release in self.deployment.releases.usable() if release.programs]
        gone = [name for release in kept for name in self._respecify(release)]
        for release in kept:
            release.begin(target, answering=True)
            wait_until_ready(target, release)
        text = f"{self.user.name} scaled to {', '.join(f'{count} {process}' for process, count in self.counts.items())}"
        self.deployment.send(target, self.deployment.traffic(), text)
        live.refresh_from_db()
        wait_until_ready(target, live, live.beside)
        for name in gone:
            target.remove(name)
        self.deployment.say("deployment.scaled", text, actor=self.user)

    def _respecify(self, release: Release) -> list[str]:
        """Store the release's new workloads. Returns the names of those that are gone."""
        before = set(release.processes.values())
        release.deployment = self.deployment
        app = app_release.app_of(release.artefact)
        assert release.app  # only releases with programs come here
        release.keep(app_release.described(release, app, release.app))
        return sorted(before - set(release.processes.values()))
