"""endpoint.answers: the endpoint gives a prediction for a real row."""

from typing import Any

from pydantic import Field

from engine.deployments import model_release
from engine.outcomes import Failed, Outcome, Succeeded
from engine.steps.base import Form, Planning, Step, StepKind
from engine.targets.base import Change
from engine.targets.http import NoAnswer, ask


class AnswersForm(Form):
    within: float = Field(5, gt=0, le=60, description="seconds it may take")


class EndpointAnswers(StepKind):
    name = "endpoint.answers"
    form = AnswersForm
    outputs = {"milliseconds": "number"}
    is_criterion = True

    def run(self, step: Step[AnswersForm]) -> Outcome:
        release = step.release
        body, address = model_release.sample_of(release), step.deployment.address
        try:
            answer = ask(f"{address}/predict", json=body, release=str(release.number), within=step.form.within)
        except NoAnswer as error:
            return Failed(str(error), temporary=True)
        if answer.status != 200:
            return Failed(f"{address} answered {answer.status}: {answer.text[:200]}", temporary=True)
        share = release.weight
        note = f"version {release.number} answers in {answer.milliseconds:.0f} ms, {share} % of requests go to it"
        return Succeeded({"milliseconds": answer.milliseconds}, note)

    def plan(self, planning: Planning[Any]) -> list[Change]:
        return [Change("look", "whether the endpoint answers", "reads only")]


KIND = EndpointAnswers()
