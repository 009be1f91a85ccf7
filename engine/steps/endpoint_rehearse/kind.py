"""endpoint.rehearse: take the new version out, prove that the one before answers, put it back."""

from typing import Any

from engine.deployments import model_release
from engine.models import Release
from engine.steps.base import Step
from engine.steps.way_back import Rehearse
from engine.targets.http import Answer, ask


class EndpointRehearse(Rehearse):
    name = "endpoint.rehearse"
    noun = "version"

    def ask(self, step: Step[Any], before: Release) -> tuple[Answer, bool]:
        answer = ask(f"{step.deployment.address}/predict", json=model_release.sample_of(before))
        return answer, answer.status == 200


KIND = EndpointRehearse()
