"""service.release: start a new release of an app, and give it the requests when it answers."""

import time
from typing import Any

from pydantic import Field

from engine.artefacts.app_folder import App
from engine.deployments import app_release
from engine.models import Release
from engine.models.release_settings import RunningApp
from engine.outcomes import Outcome, PermanentFailure, Succeeded, TemporaryFailure
from engine.steps import app_jobs
from engine.steps.base import FileValue, Form, NotYet, Planning, Step, StepKind
from engine.targets.base import Change, Environment, Source, State, Status

RELEASE_COMMAND = 3600.0  # seconds


class ServiceForm(Form):
    app: FileValue = Field(description="the folder, packed")
    python: str | None = Field(None, description="another Python than the app pins")
    check: str | None = Field(None, description="a path that has to answer 200 before it gets requests")
    boot: float = Field(60, gt=0, le=1800, description="seconds it may take to answer")


class ServiceRelease(StepKind):
    name = "service.release"
    form = ServiceForm
    outputs = {"release": "integer", "address": "text", "processes": "json"}

    def run(self, step: Step[ServiceForm]) -> Outcome:
        form = step.form
        app = app_release.app_of(form.app.sha256)
        environment = app_release.environment_for(step.target, app, form.python)
        source = app_jobs.source_of(step.run, form.app)
        release = step.deployment.reserve(step.row.effect_name("release"), step.run, form.app.model_dump())
        settle(step, release, app, environment, source)
        if app.release:
            self._release_command(step, app, environment, source)
        try:
            self._bring_up(step, release)
        except PermanentFailure:
            release.stop(step.target)
            raise
        step.deployment.retire_older(step.target, release, step.run)
        running = [program.process for program in release.programs]
        outputs = {"release": release.number, "address": step.deployment.address, "processes": running}
        return Succeeded(outputs, f"release {release.number} gets every request; runs {', '.join(running)}")

    def _release_command(self, step: Step[ServiceForm], app: App, environment: Environment, source: Source) -> None:
        if step.checkpoint.get("release_command"):
            return
        if not step.checkpoint.get("jobs"):
            step.log(f"Release command: {app.release}")
        env = app_release.paths_of(app) | app_release.plain_env(app)
        try:
            app_jobs.app_job(step, "release-command", app.release, source, environment, env,
                            confidential=step.deployment.settings(), timeout=RELEASE_COMMAND)  # fmt: skip
        except (PermanentFailure, TemporaryFailure) as error:
            raise PermanentFailure(
                f"The release command failed: {error} What it had done by then stays done; "
                f"the release before goes on answering."
            ) from error
        step.checkpoint["release_command"] = True

    def _bring_up(self, step: Step[ServiceForm], release: Release) -> None:
        """Start the answering processes, then send them the requests, then start the workers."""
        if not step.checkpoint.get("begun"):  # once: to begin again what has given up would hide that it did
            release.begin(step.target, answering=True)
            step.checkpoint["begun"] = True
        self._wait(step, release.answering, "answering")
        traffic = step.deployment.shifted(release, 100)
        if not step.checkpoint.get("switched"):
            step.deployment.send(step.target, traffic, f"{release} answers and gets every request", run=step.run)
            step.checkpoint["switched"] = True
        self._wait(step, release.beside, "beside")

    def _wait(self, step: Step[ServiceForm], names: tuple[str, ...], what: str) -> None:
        began = step.checkpoint.setdefault(f"began_{what}", time.time())
        for name in names:
            status = step.target.status(name)
            if status.state == State.READY:
                continue
            process = name.partition(".")[2]
            if status.state == State.FAILED:
                raise PermanentFailure(f"{process} did not start. {_why_not_up(step, process, status)}")
            if time.time() - began > step.form.boot:
                raise PermanentFailure(
                    f"{process} did not answer within {step.form.boot:g} s. {_why_not_up(step, process, status)}"
                )
            raise NotYet(0.1, f"{process} is starting")

    def plan(self, planning: Planning[Any]) -> list[Change]:
        live = planning.deployment.live if planning.deployment else None
        app = app_jobs.planned_app(planning.values.get("app"))
        lines = [Change("run", app.release, "the release command, once")] if app and app.release else []
        what = ", ".join(app.processes) if app else "its processes"
        after = f"{live} is kept to go back to" if live else "the first one"
        return [*lines, Change("create", f"a release of {planning.deployment_name}: {what}", after)]


def settle(step: Step[ServiceForm], release: Release, app: App, environment: Environment, source: Source) -> None:
    """Note what this release runs, so that it can be started again at any time; secrets are made up once."""
    if release.settings:
        return
    if made := app_release.make_up(app, step.deployment):
        step.log(f"Generated and stored: {', '.join(made)}")
    release.keep(app_release.described(release, app, RunningApp(source, environment, step.form.check)))


def _why_not_up(step: Step[ServiceForm], process: str, status: Status) -> str:
    """The reason, what to do about it, and the command that prints the log."""
    name = step.deployment.name
    advice = hint(status.reason, name, process, ended_well=status.exit_code == 0)
    return f"{status.reason}{advice} All it said: desirepath logs {name} --process {process}"


def hint(reason: str, name: str = "NAME", process: str = "web.1", *, ended_well: bool = False) -> str:
    """What to do about the most common failures; "" for others."""
    text = reason.lower()
    if "no module named 'pkg_resources'" in text:
        return " Python 3.12 and newer come without it: add setuptools<81 to the packages, or pin an older Python."
    if "modulenotfounderror" in text or "importerror" in text:
        return " If that is a package: add it to the app's list, or the version it was written for."
    if "connection refused" in text or "could not connect" in text or "could not translate host" in text:
        return f" If that is a database or another service: start it, and say where: desirepath config set {name} KEY=…"
    if "keyerror" in text or "environment variable" in text:
        return f" If that is a setting: desirepath config set {name} KEY=…"
    if "the port it was given as $port" in text or "address already in use" in text:
        return " Let it listen on $PORT: in the Procfile, for instance gunicorn app:app --bind 0.0.0.0:$PORT"
    if ended_well and not process.startswith(f"{app_release.ANSWERING}."):
        once = f'{{"formation": {{"{process.partition(".")[0]}": {{"quantity": 0}}}}}}'
        return f" What is in the Procfile has to go on running. Is it for once? Then in app.json: {once}"
    return ""


KIND = ServiceRelease()
