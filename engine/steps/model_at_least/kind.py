"""model.at_least: a figure reaches another. As a criterion: the model is as good as its baseline."""

from typing import Any

from pydantic import Field

from engine.outcomes import Failed, Outcome, Succeeded
from engine.steps.base import Form, Planning, Step, StepKind
from engine.targets.base import Change


class AtLeastForm(Form):
    value: float = Field(description="the figure")
    at_least: float | None = Field(None, description="what it has to reach; without it, it passes")
    margin: float = Field(0.0, description="how much below still passes")
    metric: str = Field("the figure", description="its name, for people")


class ModelAtLeast(StepKind):
    name = "model.at_least"
    form = AtLeastForm
    outputs = {"passed": "boolean"}
    is_criterion = True

    def run(self, step: Step[AtLeastForm]) -> Outcome:
        form = step.form
        if form.at_least is None:
            return Succeeded({"passed": True}, f"{form.metric} {form.value:.3f}, the first: nothing to compare with")
        if form.value >= form.at_least - form.margin:
            return Succeeded({"passed": True}, f"{form.metric} {form.value:.3f}, at least {form.at_least:.3f}")
        less = f", less {form.margin:g}" if form.margin else ""
        return Failed(f"{form.metric} {form.value:.3f} is below {form.at_least:.3f}{less}")

    def plan(self, planning: Planning[Any]) -> list[Change]:
        return [Change("look", "whether the figure is high enough", "reads only")]


KIND = ModelAtLeast()
