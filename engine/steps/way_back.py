"""Going back to the release before, for models and services: roll back, rehearse it, report the rehearsal.

The kinds for models and for services differ in how they ask a release whether it answers, and in their noun for one.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

from django.utils import timezone

from engine.models import Release
from engine.models.changing import ChangeKind
from engine.outcomes import Failed, Outcome, PermanentFailure, Succeeded
from engine.steps.base import Form, Planning, Step, StepKind
from engine.targets.base import Change, TargetError
from engine.targets.http import Answer


class WayBack(StepKind):
    form = Form
    noun: ClassVar[str]  # what people call one of them: version, release


class Rollback(WayBack):
    """The requests as they were before this run."""

    outputs = {"release": "integer"}

    def run(self, step: Step[Form]) -> Outcome:
        before = step.run.traffic_before or {}
        release = step.release
        if not before:
            return Succeeded({"release": release.number}, f"the first {self.noun}: there is nothing to go back to")
        weights = {str(release.number): 0} | before
        step.deployment.send(step.target, weights, f"Back from {release}", run=step.run)
        main = max(before, key=lambda number: before[number])
        return Succeeded({"release": int(main)}, f"{self.noun} {main} answers again")

    def plan(self, planning: Planning[Any]) -> list[Change]:
        return [Change("change", "requests as they were before the run")]


class Rehearse(WayBack):
    """Take the new release out, prove that the one before answers, put it back."""

    outputs = {"release": "integer", "milliseconds": "number"}

    @abstractmethod
    def ask(self, step: Step[Any], before: Release) -> tuple[Answer, bool]:
        """Ask the stable address: what it answered, and whether that is as it should be."""

    def run(self, step: Step[Form]) -> Outcome:
        release = step.release
        before = release.previous()
        if before is None:
            return Succeeded({}, f"this is the first {self.noun}, so there is no earlier one to go back to")
        # Stored before the traffic moves: after a kill it goes back to these weights.
        weights = step.checkpoint.setdefault("weights", step.deployment.traffic())
        step.remember()
        away = dict.fromkeys(weights, 0) | {str(before.number): 100}
        try:
            self._send(step, away, f"Rehearsing the way back to {before}")
            milliseconds = self._prove(step, before)
        finally:
            self._send(step, weights, f"Back to {release} after the rehearsal")
            step.deployment.end(ChangeKind.MOVE)
        rehearsal = {"fell_back_to": before.number, "milliseconds": milliseconds}
        Release.objects.filter(pk=release.pk).update(rehearsed_at=timezone.now(), rehearsal=rehearsal)
        note = f"{self.noun} {before.number} answered in {milliseconds:.0f} ms, then {release.number} was put back"
        return Succeeded({"release": before.number, "milliseconds": milliseconds}, note)

    def _send(self, step: Step[Any], weights: dict[str, int], why: str) -> None:
        step.deployment.send(step.target, weights, why, run=step.run, for_a_moment=True)

    def _prove(self, step: Step[Form], before: Release) -> float:
        """Milliseconds in which the release before answered at the stable address. Raises PermanentFailure."""
        answer, well = self.ask(step, before)
        if not well or answer.release != str(before.number):
            raise PermanentFailure(
                f"The way back does not work: asked for {self.noun} {before.number}, {answer.release or 'nobody'} "
                f"answered {answer.status}."
            )
        return answer.milliseconds

    def cancel(self, step: Step[Any]) -> None:
        if weights := step.checkpoint.get("weights"):
            try:
                self._send(step, weights, "Back after the rehearsal")
                step.deployment.end(ChangeKind.MOVE)
            except TargetError as error:
                step.log(f"the traffic could not be put back: {error}")

    def plan(self, planning: Planning[Any]) -> list[Change]:
        return [Change("change", f"all requests to the {self.noun} before, and back", "for a moment, to prove it")]


class Rehearsed(WayBack):
    """Whether the way back was proved for this release. Only reads."""

    outputs = {}
    is_criterion = True

    def run(self, step: Step[Form]) -> Outcome:
        release = step.release
        if release.rehearsed_at:
            rehearsal = release.rehearsal
            when = f"{release.rehearsed_at:%d %b %H:%M}"
            return Succeeded({}, f"rehearsed {when}: {self.noun} {rehearsal.get('fell_back_to')} answered")
        if release.previous() is None:
            return Failed(f"this is the first {self.noun}, so there is no earlier one to go back to yet")
        return Failed(f"the way back has not been rehearsed for this {self.noun}")

    def plan(self, planning: Planning[Any]) -> list[Change]:
        return [Change("look", "whether the way back was rehearsed", "reads only")]
