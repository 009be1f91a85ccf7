"""model.evaluate: how good a model is on rows it has not seen, and whether that is good enough."""

from typing import Any

from pydantic import Field

from engine.outcomes import Outcome, Succeeded
from engine.steps import model_jobs
from engine.steps.base import FileValue, Form, Planning, Step, StepKind
from engine.targets.base import Change


class EvaluateForm(Form):
    model: FileValue = Field(description="the model file")
    holdout: FileValue = Field(description="rows it has not seen, as CSV")
    label: str = Field(description="the column it predicts")
    at_least: float | None = Field(
        None, description="the figure it has to reach; without it, no worse than what is live"
    )


class ModelEvaluate(StepKind):
    name = "model.evaluate"
    form = EvaluateForm
    outputs = {
        "good_enough": "boolean", "metric": "text", "value": "number", "low": "number", "high": "number",
        "n": "integer", "baseline": "number", "why": "text",
    }  # fmt: skip

    def run(self, step: Step[EvaluateForm]) -> Outcome:
        form = step.form
        mine = model_jobs.evaluate(step, form.model, form.holdout, form.label).result
        baseline = form.at_least if form.at_least is not None else self._live(step)
        good, why = good_enough(mine, baseline, asked=form.at_least is not None)
        low, high = mine["interval"]
        outputs = {
            "good_enough": good, "metric": mine["metric"], "value": mine["value"], "low": low, "high": high,
            "n": mine["n"], "baseline": baseline, "why": why,
        }  # fmt: skip
        return Succeeded(outputs, f"{mine['metric']} {mine['value']:.3f} ({low:.3f} to {high:.3f}), {why}")

    def _live(self, step: Step[EvaluateForm]) -> float | None:
        """The same figure of the model that is live, on the same rows."""
        live = step.run.deployment.live if step.run.deployment else None
        if live is None:
            return None
        model = FileValue(sha256=live.artefact, name=live.artefact_name)
        result = model_jobs.evaluate(step, model, step.form.holdout, step.form.label, what="evaluate-live").result
        return float(result["value"])

    def plan(self, planning: Planning[Any]) -> list[Change]:
        return [Change("measure", "the model on the holdout", "beside what is live, where something is")]


def good_enough(mine: dict[str, Any], baseline: float | None, *, asked: bool) -> tuple[bool, str]:
    """Whether the figure passes, and why. Every metric here is better when it is greater. Pure.

    Against a figure somebody asked for the value itself decides. Against what is live, a model passes unless it is
    worse than the live one by more than chance explains: its interval has to reach the live figure.
    """
    if baseline is None:
        return True, "nothing live to compare with"
    if asked:
        good = mine["value"] >= baseline
        return good, f"{'at least' if good else 'below'} {baseline:g}"
    good = mine["interval"][1] >= baseline
    return good, f"{'no worse than' if good else 'worse than'} live at {baseline:.3f}"


KIND = ModelEvaluate()
