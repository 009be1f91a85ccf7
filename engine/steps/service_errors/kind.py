"""service.errors: no more of its requests fail than of the release before."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from engine.models import Release
from engine.outcomes import Failed, Outcome, Succeeded
from engine.steps.base import Form, Planning, Step, StepKind
from engine.targets.base import Change
from lib.statistics import Rate


class ErrorsForm(Form):
    enough: int = Field(50, ge=1, le=100_000, description="requests of each release that the two are compared on")


class ServiceErrors(StepKind):
    name = "service.errors"
    form = ErrorsForm
    outputs = {"failed": "integer", "requests": "integer"}
    is_criterion = True

    def run(self, step: Step[ErrorsForm]) -> Outcome:
        release = step.release
        if not release.answering:
            return Succeeded({"failed": 0, "requests": 0}, "it answers no requests")
        before = release.previous()
        now = _error_rate(step, release)
        then = _error_rate(step, before) if before and before.answering else None
        outputs = {"failed": now.met, "requests": now.of}
        if then is None or min(now.of, then.of) < step.form.enough:
            return _alone(now, outputs)
        beside = f"{_in_words(now)}; of release {before.number if before else 0} {_in_words(then)}"
        if now.low > then.high:  # their intervals do not touch: that is no accident
            return Failed(f"more fail than before: {beside}")
        return Succeeded(outputs, beside)

    def plan(self, planning: Planning[Any]) -> list[Change]:
        return [Change("look", "how many requests fail, beside the release before", "reads only")]


def _error_rate(step: Step[Any], release: Release) -> Rate:
    counts = step.target.counts(step.deployment.route_name).get(str(release.number))
    return Rate(counts.errors, counts.requests) if counts else Rate(0, 0)


def _alone(now: Rate, outputs: dict[str, int]) -> Outcome:
    """Without a release to compare with, at most one request in a hundred may fail."""
    if now.met > now.of / 100:
        return Failed(f"{_in_words(now)}; too few of the release before to compare with")
    return Succeeded(outputs, _in_words(now))


def _in_words(rate: Rate) -> str:
    return f"{rate.met} of {rate.of} requests failed" if rate.of else "no request yet"


KIND = ServiceErrors()
