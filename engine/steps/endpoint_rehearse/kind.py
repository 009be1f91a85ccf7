"""endpoint.rehearse: take the new release out, prove that the one before answers, put it back."""

from typing import Any

from django.utils import timezone

from engine import serving
from engine.models import Release
from engine.outcomes import Outcome, PermanentFailure, Succeeded
from engine.steps.base import Form, Planning, Step, StepKind
from engine.targets.base import Change, TargetError
from engine.targets.http import ask


class EndpointRehearse(StepKind):
    name = "endpoint.rehearse"
    form = Form
    outputs = {"release": "integer", "milliseconds": "number"}

    def run(self, step: Step[Form]) -> Outcome:
        release = step.release
        before = release.previous()
        if before is None:
            return Succeeded({}, "the first version: there is none before it to fall back to")
        # Noted before anything moves: after a kill the traffic goes back to this, whatever it is then.
        weights = step.memory.setdefault("weights", step.deployment.traffic())
        step.remember()
        away = dict.fromkeys(weights, 0) | {str(before.number): 100}
        try:
            step.deployment.send(step.target, away, f"Rehearsing the way back to {before}", run=step.run)
            milliseconds = self._prove(step, before)
        finally:
            step.deployment.send(step.target, weights, f"Back to {release} after the rehearsal", run=step.run)
        seen = {"fell_back_to": before.number, "milliseconds": milliseconds}
        Release.objects.filter(pk=release.pk).update(rehearsed_at=timezone.now(), rehearsal=seen)
        note = f"version {before.number} answered in {milliseconds:.0f} ms, then {release.number} was put back"
        return Succeeded({"release": before.number, "milliseconds": milliseconds}, note)

    def _prove(self, step: Step[Form], before: Release) -> float:
        """The stable address answers, and it is the release before that does."""
        answer = ask(f"{step.deployment.address}/predict", json=serving.sample_of(before))
        if answer.status != 200 or answer.release != str(before.number):
            raise PermanentFailure(
                f"The way back does not work: asked for version {before.number}, {answer.release or 'nobody'} "
                f"answered {answer.status}."
            )
        return answer.milliseconds

    def cancel(self, step: Step[Any]) -> None:
        if weights := step.memory.get("weights"):
            try:
                step.deployment.send(step.target, weights, "Back after the rehearsal", run=step.run)
            except TargetError as error:
                step.log(f"the traffic could not be put back: {error}")

    def plan(self, planning: Planning[Any]) -> list[Change]:
        return [Change("change", "all requests to the version before, and back", "for a moment, to prove the way back")]


KIND = EndpointRehearse()
