"""http.check: an address answers as it should."""

from typing import Any

from pydantic import Field

from engine.outcomes import Failed, Outcome, Succeeded
from engine.steps.base import Form, Planning, Step, StepKind
from engine.targets.base import Change
from engine.targets.http import NoAnswer, ask


class HttpForm(Form):
    url: str = Field(description="the address")
    status: int = Field(200, ge=100, le=599, description="the status it should answer with")
    contains: str = Field("", description="text that has to be in the answer")
    within: float = Field(10, gt=0, le=60, description="seconds it may take")


class HttpCheck(StepKind):
    name = "http.check"
    form = HttpForm
    outputs = {"status": "integer", "milliseconds": "number"}
    is_criterion = True

    def run(self, step: Step[HttpForm]) -> Outcome:
        form = step.form
        try:
            answer = ask(form.url, within=form.within)
        except NoAnswer as error:
            return Failed(str(error), temporary=True)
        if answer.status != form.status:
            return Failed(f"{form.url} answered {answer.status}, not {form.status}", temporary=True)
        if form.contains not in answer.text:
            return Failed(f"{form.url} answered {form.status}, but without “{form.contains}”", temporary=True)
        return Succeeded(
            {"status": answer.status, "milliseconds": answer.milliseconds},
            f"{form.status} in {answer.milliseconds:.0f} ms",
        )

    def plan(self, planning: Planning[Any]) -> list[Change]:
        return [Change("look", str(planning.values.get("url", "")), "reads only")]


KIND = HttpCheck()
