"""app.environment: the Python and packages an app names, built once and kept; its static files collected."""

import shlex
from typing import Any

from pydantic import Field

from engine.artefacts.app_folder import App
from engine.deployments import app_release
from engine.outcomes import Outcome, PermanentFailure, Succeeded
from engine.steps import app_jobs
from engine.steps.base import FileValue, Form, Planning, Step, StepKind
from engine.targets.base import Change, Environment

BUILD = 900.0  # seconds that collecting may take
# A project that has no place for static files, or no such command, has none to collect: that is no failure.
COLLECT = """said=$(python {manage} collectstatic --noinput 2>&1); code=$?; printf '%s\\n' "$said"
case "$said" in *STATIC_ROOT*|*"Unknown command"*) exit 0;; esac; exit $code"""
NOT_COLLECTED = "DISABLE_COLLECTSTATIC"  # as a setting, as Heroku takes it


class EnvironmentForm(Form):
    app: FileValue = Field(description="the folder, packed")
    python: str | None = Field(None, description="another Python than the app pins")


class AppEnvironment(StepKind):
    name = "app.environment"
    form = EnvironmentForm
    outputs = {"python": "text", "packages": "integer", "processes": "json"}

    def run(self, step: Step[EnvironmentForm]) -> Outcome:
        app = app_release.app_of(step.form.app.sha256)
        environment = app_release.environment_for(step.target, app, step.form.python)
        if lacking := app_release.lacking(app, step.deployment):
            raise PermanentFailure(_lacks(step.deployment.name, app, lacking))
        step.target.prepare(environment, step.log)
        if app.manage and NOT_COLLECTED not in step.deployment.configured():
            self._prepare(step, "collect", COLLECT.format(manage=shlex.quote(app.manage)), app, environment)
        if app.after:
            self._prepare(step, "post-compile", f"bash {app.after}", app, environment)
        outputs = {"python": environment.python, "packages": app.packages, "processes": dict(app.processes)}
        made = ", ".join(app.processes)
        return Succeeded(outputs, f"Python {environment.python}, {_count(app.packages)}; runs {made}")

    def _prepare(
        self, step: Step[EnvironmentForm], what: str, text: str, app: App, environment: Environment
    ) -> None:  # fmt: skip
        """A command in the folder of the release, before anything of it is started."""
        source = app_jobs.source_of(step.run, step.form.app)
        config = step.deployment.settings()
        app_jobs.app_job(step, what, text, source, environment, app_release.build_env(app), confidential=config,
                        timeout=BUILD)  # fmt: skip

    def plan(self, planning: Planning[Any]) -> list[Change]:
        app = app_jobs.planned_app(planning.values.get("app"))
        if app is None:
            return [Change("prepare", "the Python and packages the app names", "known when the folder is")]
        environment = app_release.environment_for(planning.target, app, None)
        return [Change("prepare", f"Python {environment.python}, {_count(app.packages)}", "kept")]


def _count(packages: int) -> str:
    return f"{packages} package{'' if packages == 1 else 's'} asked for"


def _lacks(name: str, app: App, lacking: list[str]) -> str:
    about = "; ".join(f"{key}: {app.env[key].about}" for key in lacking if app.env[key].about)
    values = " ".join(f"{key}=…" for key in lacking)
    return (
        f"The app needs {', '.join(lacking)} (app.json){f' ({about})' if about else ''}. "
        f"Set: desirepath config set {name} {values}"
    )


KIND = AppEnvironment()
