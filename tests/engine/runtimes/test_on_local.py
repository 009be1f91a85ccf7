"""From a model's file to an answer through the gateway, on the local target, as the engine's steps do it."""

import httpx
import pytest

from engine.runtimes.model_runtime.needs import choose_python, needs_of
from engine.runtimes.model_runtime.scan import scan
from engine.targets.base import Backend, Environment, Kind, Route, State, Workload
from tests.engine.targets.conftest import home, target
from tests.engine.targets.waiting import until_state

from .test_server import ROW

pytestmark = pytest.mark.model
__all__ = ["home", "target"]


def test_a_model_becomes_an_endpoint_with_two_releases(target, environments, models):
    target.environments = environments
    table = target.artefacts.put(models / "holdout.csv")
    for number, file in enumerate(("weak.pkl", "good.pkl"), 1):
        model = target.artefacts.put(models / file)
        needs = needs_of(scan(target.artefacts.path(model)))
        python = choose_python(needs, target.pythons())
        environment = Environment(python, needs.requirements, needs.optional)
        target.prepare(environment, lambda _: None)

        def job(name, *arguments, model=model, environment=environment):
            argv = ("{python}", "-m", f"model_runtime.{name}", "--model", f"{{artefact:{model}}}", *arguments,
                    "--out", "{result}")  # fmt: skip
            workload = f"{name}.{model[:8]}"
            target.apply(Workload(workload, Kind.JOB, argv, {"PYTHONPATH": "{runtimes}"}, environment, timeout=120))
            status = until_state(target, workload, State.SUCCEEDED, State.FAILED, seconds=60)
            assert status.state is State.SUCCEEDED, status
            return status

        assert job("inspect").result["task"] == "classification"
        rows = ("--holdout", f"{{artefact:{table}}}")
        assert job("evaluate", *rows, "--label", "severe").result["n"] == 221
        prepared = job("prepare", "--name", "churn", "--version", str(number), *rows, "--folder", "{outputs}")
        sha = prepared.files["model.zip"]
        assert sha == prepared.result["sha256"]
        argv = ("{python}", "-m", "model_runtime.server", "--artefact", f"{{artefact:{sha}}}", "--sha256", sha,
                "--name", "churn", "--version", str(number), "--port", "{port}")  # fmt: skip
        target.apply(Workload(f"churn.r{number}", Kind.SERVICE, argv, {"PYTHONPATH": "{runtimes}"}, environment,
                              health="/v2/health/ready", memory_mb=4000))  # fmt: skip
        until_state(target, f"churn.r{number}", State.READY, seconds=60)
    route = Route("churn", (Backend("1", "churn.r1", 90), Backend("2", "churn.r2", 10)), "1")
    address = target.route(route).address
    for release in ("1", "2"):
        answer = httpx.post(f"{address}/predict", json=ROW, headers={"X-Desirepath-Release": release})
        assert answer.json()["version"] == answer.headers["x-desirepath-release"] == release


def test_a_job_that_cannot_use_the_file_says_the_sentence_as_its_reason(target, environments, models):
    target.environments = environments
    needs = needs_of(scan(models / "good.pkl"))
    environment = Environment(choose_python(needs, target.pythons()), needs.requirements, needs.optional)
    model = target.artefacts.put(models / "good.pkl")
    table = target.artefacts.put(models / "holdout.csv")
    argv = ("{python}", "-m", "model_runtime.evaluate", "--model", f"{{artefact:{model}}}", "--holdout",
            f"{{artefact:{table}}}", "--label", "churned", "--out", "{result}")  # fmt: skip
    target.apply(Workload("measure", Kind.JOB, argv, {"PYTHONPATH": "{runtimes}"}, environment))
    status = until_state(target, "measure", State.SUCCEEDED, State.FAILED, seconds=60)
    assert status.exit_code == 2
    assert status.reason.startswith("The table has no column “churned” for the label. Its columns are: age, sex")
