"""endpoint.rollback: the traffic as it was before this run."""

from typing import Any

from engine.outcomes import Outcome, Succeeded
from engine.steps.base import Form, Planning, Step, StepKind
from engine.targets.base import Change


class EndpointRollback(StepKind):
    name = "endpoint.rollback"
    form = Form
    outputs = {"release": "integer"}

    def run(self, step: Step[Form]) -> Outcome:
        before = step.run.traffic_before or {}
        release = step.release
        if not before:
            return Succeeded({"release": release.number}, "the first version: there is nothing to go back to")
        weights = {str(release.number): 0} | before
        step.deployment.send(step.target, weights, f"Back from {release}", run=step.run)
        main = max(before, key=lambda number: before[number])
        return Succeeded({"release": int(main)}, f"version {main} answers again")

    def plan(self, planning: Planning[Any]) -> list[Change]:
        return [Change("change", "requests as they were before the run")]


KIND = EndpointRollback()
