"""service.rehearse: take the new release out, prove that the one before answers, put it back."""

from typing import Any

from engine.models import Release
from engine.steps.base import Step
from engine.steps.way_back import Rehearse
from engine.targets.http import Answer, ask


class ServiceRehearse(Rehearse):
    name = "service.rehearse"
    noun = "release"

    def ask(self, step: Step[Any], before: Release) -> tuple[Answer, bool]:
        answer = ask(f"{step.deployment.address}{before.health_path}")
        return answer, answer.status < 500


KIND = ServiceRehearse()
