"""model.inspect: what is in a model file, looked at before anything is opened, then opened where it can do no harm."""

from typing import Any

from pydantic import Field

from engine.outcomes import Outcome, Succeeded
from engine.steps import model_jobs
from engine.steps.base import FileValue, Form, Planning, Step, StepKind
from engine.targets.base import Change


class InspectForm(Form):
    model: FileValue = Field(description="the model file")


class ModelInspect(StepKind):
    name = "model.inspect"
    form = InspectForm
    outputs = {
        "model": "model", "task": "text", "estimator": "text", "features": "json", "sklearn_version": "text",
        "sample_row": "json", "steps": "json", "classes": "json",
    }  # fmt: skip

    def run(self, step: Step[InspectForm]) -> Outcome:
        model = step.form.model
        result = model_jobs.model_job(step, "inspect", model).result
        outputs = {name: result.get(name) for name in self.outputs if name != "model"}
        count = len(result.get("features") or [])
        note = f"{result.get('estimator', 'a model')}, {count} columns, scikit-learn {result.get('sklearn_version')}"
        return Succeeded({"model": model.model_dump(), **outputs}, note)

    def plan(self, planning: Planning[Any]) -> list[Change]:
        return [model_jobs.plan_environment(planning)]


KIND = ModelInspect()
