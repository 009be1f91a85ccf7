"""endpoint.shift: give this run's release another share of the requests."""

from typing import Any

from pydantic import Field

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
            deployment.retire_older(step.target, release, step.run)
        if not others:
            return Succeeded({"traffic": share}, "the only version: it takes every request")
        return Succeeded({"traffic": share}, f"{share} % of requests go to version {release.number}")

    def plan(self, planning: Planning[Any]) -> list[Change]:
        return [Change("change", f"{planning.values.get('traffic', '?')} % of requests to the new version")]


KIND = EndpointShift()
