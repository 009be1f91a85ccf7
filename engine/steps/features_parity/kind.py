"""features.parity: what the model was trained on and what it will be given have the same columns."""

from typing import Any

from pydantic import Field

from engine.outcomes import Failed, Outcome, Succeeded
from engine.steps import model_jobs
from engine.steps.base import FileValue, Form, Planning, Step, StepKind
from engine.targets.base import Change


class ParityForm(Form):
    model: FileValue = Field(description="the model file")
    data: FileValue = Field(description="rows as the endpoint will get them, as CSV")
    label: str | None = Field(None, description="a column of the rows that is not a feature")
    reference: FileValue | None = Field(None, description="rows the model was trained on, as CSV")


class FeaturesParity(StepKind):
    name = "features.parity"
    form = ParityForm
    outputs = {"warnings": "json", "columns": "integer"}

    def run(self, step: Step[ParityForm]) -> Outcome:
        form = step.form
        more = ["--reference", f"{{artefact:{form.reference.sha256}}}"] if form.reference else []
        result = model_jobs.model_job(step, "parity", form.model, holdout=form.data, label=form.label, more=more).result
        expected, warnings = len(result["columns_expected"]), result["warnings"]
        for line in [*result["failures"], *warnings]:
            step.log(str(line))
        if not result["ok"]:
            return Failed(
                f"The columns do not match what the model was trained on: {'; '.join(result['failures'][:3])}"
            )
        words = f"{len(warnings)} warning{'s' if len(warnings) != 1 else ''}" if warnings else "no warnings"
        matched = expected if result["ok"] else 0
        return Succeeded({"warnings": warnings, "columns": matched}, f"{matched} of {expected} columns, {words}")

    def plan(self, planning: Planning[Any]) -> list[Change]:
        return [Change("look", "names, order and types of the columns", "reads only")]


KIND = FeaturesParity()
