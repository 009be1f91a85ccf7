"""endpoint.release: make a new release of a model endpoint, start it, and give it its first share of the requests."""

from typing import Any

from pydantic import Field

from engine.deployments import model_release
from engine.models import Release
from engine.models.release_settings import ServedModel
from engine.outcomes import Outcome, PermanentFailure, Succeeded
from engine.steps import model_jobs
from engine.steps.base import FileValue, Form, Job, NotYet, Planning, Step, StepKind
from engine.targets.base import Change, State


class ReleaseForm(Form):
    model: FileValue = Field(description="the model file")
    traffic: int = Field(0, ge=0, le=100, description="its first share of the requests, in per cent")
    holdout: FileValue | None = Field(None, description="rows on which ONNX and the original have to answer alike")


class EndpointRelease(StepKind):
    name = "endpoint.release"
    form = ReleaseForm
    outputs = {"release": "integer", "address": "text", "onnx": "boolean", "sample_row": "json", "answer": "json"}

    def run(self, step: Step[ReleaseForm]) -> Outcome:
        form = step.form
        effect, server = step.row.effect_name("release"), step.row.effect_name("server")
        release = step.deployment.reserve(effect, step.run, form.model.model_dump(), server)
        prepared = model_jobs.model_job(
            step, "prepare", form.model, holdout=form.holdout,
            more=["--name", step.deployment.plain_name, "--version", str(release.number), "--folder", "{outputs}"],
        )  # fmt: skip
        settle(step, release, prepared)
        status = step.target.apply(model_release.server_of(release))
        if status.state == State.FAILED:
            raise PermanentFailure(f"{release} did not start. {status.reason}")
        if status.state != State.READY:
            raise NotYet(0.15, "starting")
        weights = step.deployment.shifted(release, form.traffic)
        step.deployment.send(step.target, weights, f"{release} answers, {_share(weights, release)}", run=step.run)
        served = "as ONNX" if prepared.result["onnx"] else "with scikit-learn"
        outputs = {
            "release": release.number, "address": step.deployment.address, "onnx": prepared.result["onnx"],
            "sample_row": prepared.result["sample_row"], "answer": prepared.result["sample_answer"],
        }  # fmt: skip
        return Succeeded(outputs, f"version {release.number} answers {served}, {_share(weights, release)}")

    def plan(self, planning: Planning[Any]) -> list[Change]:
        live = planning.deployment.live if planning.deployment else None
        share = f"beside {live}" if live else "the first one takes all requests"
        return [
            model_jobs.plan_environment(planning),
            Change("create", f"an endpoint release of {planning.deployment_name}", share),
        ]


def settle(step: Step[ReleaseForm], release: Release, prepared: Job) -> None:
    """Note what the server of this release needs, so that it can be started again at any time."""
    if release.settings:
        return
    environment = model_release.environment_for(step.target, step.form.model.sha256)
    result = prepared.result
    release.keep(
        ServedModel(
            prepared.files["model.zip"], environment, result["onnx"], result["why"], result["sample_row"],
            result["sample_answer"],
        )
    )  # fmt: skip


def _share(weights: dict[str, int], release: Release) -> str:
    weight = weights[str(release.number)]
    return f"{weight} % of requests go to it" if weight else "as a preview"


KIND = EndpointRelease()
