"""endpoint.shift: give this run's release another share of the requests."""

from typing import Any

from django.utils import timezone
from pydantic import Field

from engine.models import Release
from engine.outcomes import Outcome, Succeeded
from engine.steps.base import Form, Planning, Step, StepKind
from engine.targets.base import Change


class ShiftForm(Form):
    traffic: int = Field(ge=0, le=100, description="its share of the requests, in per cent")


class EndpointShift(StepKind):
    name = "endpoint.shift"
    form = ShiftForm
    outputs = {"traffic": "integer"}

    def run(self, step: Step[ShiftForm]) -> Outcome:
        release, deployment = step.release, step.deployment
        others = deployment.releases.usable().exclude(pk=release.pk).exists()
        weights = deployment.shifted(release, step.form.traffic)
        share = weights[str(release.number)]
        deployment.send(step.target, weights, f"{share} % of requests go to {release}", run=step.run)
        if share == 100:
            retire_older(step, release)
        if not others:
            return Succeeded({"traffic": share}, "the only version: it takes every request")
        return Succeeded({"traffic": share}, f"{share} % of requests go to version {release.number}")

    def plan(self, planning: Planning[Any]) -> list[Change]:
        return [Change("change", f"{planning.values.get('traffic', '?')} % of requests to the new version")]


def retire_older(step: Step[Any], release: Release) -> None:
    """Keep this release and the one before it, to fall back to; stop what is older."""
    before = release.previous()
    kept = [release.pk, *([before.pk] if before else [])]
    for old in step.deployment.releases.running().exclude(pk__in=kept):
        step.target.stop(old.workload)
        Release.objects.filter(pk=old.pk).update(retired_at=timezone.now(), weight=0)
    # The route still names what was stopped: send it once more without.
    step.deployment.send(step.target, step.deployment.traffic(), "", run=step.run)


KIND = EndpointShift()
