"""endpoint.fallback_rehearsed: whether the way back was proved for this release."""

from typing import Any

from engine.outcomes import Failed, Outcome, Succeeded
from engine.steps.base import Form, Planning, Step, StepKind
from engine.targets.base import Change


class FallbackRehearsed(StepKind):
    name = "endpoint.fallback_rehearsed"
    form = Form
    outputs = {}
    is_criterion = True

    def run(self, step: Step[Form]) -> Outcome:
        release = step.release
        if release.rehearsed_at:
            seen = release.rehearsal
            when = f"{release.rehearsed_at:%d %b %H:%M}"
            return Succeeded({}, f"rehearsed {when}: version {seen.get('fell_back_to')} answered")
        if release.previous() is None:
            return Failed("the first version: there is none before it to fall back to yet")
        return Failed("the way back has not been rehearsed for this version")

    def plan(self, planning: Planning[Any]) -> list[Change]:
        return [Change("look", "whether the way back was rehearsed", "reads only")]


KIND = FallbackRehearsed()
