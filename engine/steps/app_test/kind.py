"""app.test: an app's own tests, in its own environment, in a copy of its folder that is thrown away."""

from typing import Any

from pydantic import Field

from engine.deployments import app_release
from engine.outcomes import Outcome, PermanentFailure, Skipped, Succeeded, TemporaryFailure
from engine.steps import app_jobs
from engine.steps.base import FileValue, Form, Planning, Step, StepKind
from engine.targets.base import Change


class TestsForm(Form):
    app: FileValue = Field(description="the folder, packed")
    python: str | None = Field(None, description="another Python than the app pins")
    command: str | None = Field(None, description="another command than app.json names")
    at_most: float = Field(900, gt=0, le=6 * 3600, description="seconds they may take")


class AppTest(StepKind):
    name = "app.test"
    form = TestsForm
    outputs = {"last_line": "text"}

    def run(self, step: Step[TestsForm]) -> Outcome:
        form = step.form
        app = app_release.app_of(form.app.sha256)
        text = form.command or app.test
        if not text:
            return Skipped("app.json names no tests (they are its environments.test.scripts.test)")
        source = app_jobs.source_of(step.run, form.app, f"test{step.row.attempt}")
        environment = app_release.environment_for(step.target, app, form.python)
        env = app_release.test_env(app)  # secrets made up at each look: the job keeps those it began with
        try:
            job = app_jobs.app_job(step, "test", text, source, environment, env, timeout=form.at_most)
        except (PermanentFailure, TemporaryFailure):
            step.target.discard(source.name)
            raise
        step.target.discard(source.name)
        lines = step.target.logs(job.name, offset=-4000).text.strip().splitlines()
        last = lines[-1] if lines else ""
        return Succeeded({"last_line": last}, last[:120] or "the tests passed")

    def plan(self, planning: Planning[Any]) -> list[Change]:
        app = app_jobs.planned_app(planning.values.get("app"))
        text = planning.values.get("command") or (app.test if app else "")
        return [Change("run", str(text or "the app's own tests"), "in a copy of the folder, with none of its settings")]


KIND = AppTest()
