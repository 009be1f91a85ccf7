"""A release of a model: its scan, its environment, its server, and whether the server is ready."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from engine.artefacts.store import ArtefactError
from engine.models import Deployment, Release
from engine.models.artefact import store
from engine.outcomes import PermanentFailure
from engine.runtimes.model_runtime.needs import choose_python, needs_of
from engine.runtimes.model_runtime.reading import BadModel
from engine.runtimes.model_runtime.scan import Scan, scan
from engine.targets.base import Environment, Kind, State, Target, TargetError, Workload

READY_WITHIN = 60.0  # seconds


def look_at(sha256: str) -> Scan:
    """The scan of a model file, which is not opened. Raises PermanentFailure when it must not or cannot be opened."""
    try:
        scanned = scan(store().path(sha256))
    except (BadModel, ArtefactError) as error:
        raise PermanentFailure(str(error)) from error
    if scanned.problem:
        raise PermanentFailure(scanned.problem)
    return scanned


def environment_for(target: Target, sha256: str) -> Environment:
    """Python and packages the file was made with, from what is installed. PermanentFailure names what is missing."""
    try:
        needs = needs_of(look_at(sha256))
        return Environment(choose_python(needs, target.pythons()), needs.requirements, needs.optional)
    except BadModel as error:
        raise PermanentFailure(str(error)) from error


def server_of(release: Release) -> Workload:
    """The model server of a release. Everything it needs is in the release's row, so it can be started again."""
    model = release.model
    if model is None:
        raise PermanentFailure(f"{release} is not prepared yet.")
    argv = (
        "{python}", "-m", "model_runtime.server", "--artefact", f"{{artefact:{model.packed}}}", "--sha256",
        model.packed, "--name", release.deployment.plain_name, "--version", str(release.number), "--port", "{port}",
    )  # fmt: skip
    labels = {"deployment": release.deployment.plain_name, "release": str(release.number)}
    return Workload(
        release.workload, Kind.SERVICE, argv, env={"PYTHONPATH": "{runtimes}"}, environment=model.environment,
        health="/v2/health/ready", labels=labels,
    )  # fmt: skip


def restart_release(target: Target, release: Release) -> None:
    """Start what answers of a release again, under its own name."""
    if not release.begin(target, answering=True) and release.answering:
        target.apply(server_of(release))


def wait_until_ready(target: Target, release: Release, names: Sequence[str] | None = None) -> None:
    """Wait, outside a run, until these or the answering workloads are ready. Raises TargetError."""
    deadline = time.monotonic() + READY_WITHIN
    for name in release.answering if names is None else names:
        while (status := target.status(name)).state != State.READY:
            if status.state == State.FAILED or time.monotonic() > deadline:
                raise TargetError(f"{release} did not start: {status.reason or 'no answer'}")
            time.sleep(0.1)


def sample_of(release: Release) -> dict[str, Any]:
    """One real row the model can be asked with."""
    return {"rows": [dict(release.model.sample_row or {}) if release.model else {}]}


def curl_for(deployment: Deployment) -> str:
    """A command that asks the live release, where it is a model with a real row."""
    import json

    live = deployment.live
    if live is None or not deployment.address:
        return ""
    if live.programs:
        return f"curl -s {deployment.address}{live.health_path}"
    body = json.dumps(sample_of(live), ensure_ascii=False).replace("'", "'\\''")
    return f"curl -s {deployment.address}/predict -H 'Content-Type: application/json' -d '{body}'"
