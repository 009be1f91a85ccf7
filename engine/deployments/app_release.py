"""A release of an app: its folder, its environment, its settings and its programs."""

from __future__ import annotations

import dataclasses
import secrets
import sys
from functools import lru_cache

from engine.artefacts import app_folder
from engine.artefacts.app_folder import App, BadApp
from engine.artefacts.archives import BadArchive, texts
from engine.artefacts.store import ArtefactError
from engine.models import Deployment, Release
from engine.models.artefact import store
from engine.models.release_settings import Program, RunningApp
from engine.outcomes import PermanentFailure
from engine.targets.base import Environment, Kind, Target, Workload

OWN = f"{sys.version_info.major}.{sys.version_info.minor}"
# Until 3.12 every Python's own environment came with it, and old packages count on its pkg_resources.
SETUPTOOLS = "setuptools<81"
ANSWERING = "web"  # the process that is given a port and the requests


@lru_cache(maxsize=64)  # a step that waits asks again and again
def _parsed(sha256: str) -> App:
    return app_folder.parse(texts(store().path(sha256), _is_read, app_folder.MOST))


def _is_read(name: str) -> bool:
    return name in app_folder.READ or name.endswith((".txt", ".in"))


def app_of(sha256: str) -> App:
    """What the folder says of itself. Raises PermanentFailure with what to write into which file."""
    try:
        return _parsed(sha256)
    except (BadApp, BadArchive, ArtefactError) as error:
        raise PermanentFailure(str(error)) from error


def environment_for(target: Target, app: App, python: str | None) -> Environment:
    """Its Python and packages, from what is installed. Raises PermanentFailure naming what is missing."""
    installed = target.pythons()
    try:
        chosen = app_folder.choose_python(app, installed, OWN) if not python else _named(python, installed)
    except BadApp as error:
        raise PermanentFailure(str(error)) from error
    with_it = () if int(chosen.split(".")[1]) >= 12 else (SETUPTOOLS,)
    return Environment(chosen, tuple(app.requirements), with_it)


def _named(python: str, installed: tuple[str, ...]) -> str:
    if python not in installed:
        raise BadApp(f"Python {python} is not installed. Found here: {', '.join(installed) or 'none'}.")
    return python


def paths_of(app: App) -> dict[str, str]:
    """Where its own packages are looked for."""
    return {"PYTHONPATH": ":".join(["{source}", *(f"{{source}}/{path}" for path in app.paths)])}


def command(text: str) -> tuple[str, ...]:
    """A Procfile's command, which is a shell's. The shell's own process becomes it where that is possible."""
    return ("/bin/sh", "-c", text)


# --- settings --------------------------------------------------------------------------------------------------------


def lacking(app: App, deployment: Deployment) -> list[str]:
    """The settings that app.json asks for and nobody has given."""
    given = deployment.configured()
    return [
        name for name, wanted in app.env.items()
        if wanted.needed and wanted.value is None and not wanted.generated and name not in given
    ]  # fmt: skip


def make_up(app: App, deployment: Deployment) -> list[str]:
    """Secrets that app.json wants made up, once; those that were made now."""
    given = deployment.configured()
    missing = [name for name, wanted in app.env.items() if wanted.generated and name not in given]
    deployment.configure({name: secrets.token_urlsafe(48) for name in missing}, None)
    return missing


def plain_env(app: App) -> dict[str, str]:
    """The values that app.json gives for everybody to read."""
    return {name: wanted.value for name, wanted in app.env.items() if wanted.value is not None}


def build_env(app: App) -> dict[str, str]:
    """What preparing a release sees beside the settings: a secret that is not there yet is made up."""
    made_up = {name: secrets.token_urlsafe(32) for name, wanted in app.env.items() if wanted.generated}
    return {**paths_of(app), **plain_env(app), **made_up}


def test_env(app: App) -> dict[str, str]:
    """What its tests see: app.json's values and its test values, made-up secrets, and none of the service's own."""
    return {**build_env(app), **app.test_env, "CI": "true"}


# --- programs --------------------------------------------------------------------------------------------------------


def described(release: Release, app: App, made: RunningApp) -> RunningApp:
    """What a release's row keeps: its programs as often as they are scaled, and the values for everybody to read."""
    made = dataclasses.replace(made, env=paths_of(app) | plain_env(app))
    counts = {process: app.count(process, release.deployment.scale) for process in app.processes}
    programs = [
        _program(release, made, process, text, number)
        for process, text in app.processes.items()
        for number in range(1, counts[process] + 1)
    ]
    return dataclasses.replace(made, programs=tuple(programs))


def _program(release: Release, made: RunningApp, process: str, text: str, number: int) -> Program:
    # Not DYNO, which tells an app that it stands behind Heroku's router: it would send every visitor to https.
    name, answers = f"{process}.{number}", process == ANSWERING
    workload = Workload(
        f"{release.workload}.{name}", Kind.SERVICE, command(text),
        env={**made.env, "PYTHONUNBUFFERED": "1", "PROCESS": name, "RELEASE": str(release.number)},
        environment=made.environment, source=made.source,
        health=(made.check or "/") if answers else "", any_answer=not made.check,
        labels={"deployment": release.deployment.plain_name, "release": str(release.number), "process": name},
    )  # fmt: skip
    return Program(name, answers, workload)
