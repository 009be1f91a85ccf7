"""Jobs of an app, in its own folder and environment: what the kinds about apps and services share."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from engine.artefacts.app_folder import App
from engine.deployments.app_release import app_of, command
from engine.models import Run
from engine.steps.base import FileValue, Job, Step
from engine.targets.base import Environment, Source


def source_of(run: Run, app: FileValue, what: str = "app") -> Source:
    """The folder of this run's release, or (`what`) another copy of it that is thrown away."""
    return Source(f"{what}-{hashlib.sha256(f'{run.key}/{app.sha256}'.encode()).hexdigest()[:12]}", app.sha256)


def app_job(
    step: Step[Any], what: str, text: str, source: Source, environment: Environment, env: Mapping[str, str], *,
    confidential: Mapping[str, str] | None = None, timeout: float | None = None,
) -> Job:  # fmt: skip
    """Run a command of the app's own in its folder and environment; raises NotYet while it runs."""
    return step.job(
        what, command(text), environment=environment, env=env, timeout=timeout, source=source,
        secrets=confidential or {},
    )  # fmt: skip


def planned_app(value: Any) -> App | None:
    """The app of a plan, where its folder is known."""
    return app_of(value["sha256"]) if isinstance(value, dict) and "sha256" in value else None
