"""What the page of something live shows of an app: its processes, how many there are, and the names of its settings."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from engine.deployments import app_release
from engine.models import Deployment
from engine.outcomes import PermanentFailure
from engine.targets.base import TargetError


def service_of(deployment: Deployment) -> dict[str, Any]:
    """What its page shows of an app; of anything else nothing."""
    live = deployment.live
    settings = list(deployment.config.select_related("set_by"))
    if live is None or not live.programs:
        return {"settings": settings}
    try:
        running, counts = [_line(process) for process in deployment.running()], _counts(deployment)
    except (TargetError, PermanentFailure) as error:
        return {"settings": settings, "trouble": str(error), "processes": []}
    return {"settings": settings, "processes": running, "counts": counts}


def _line(process: dict[str, Any]) -> dict[str, Any]:
    began = process["started_at"]
    return {**process, "since": began and datetime.fromtimestamp(began, UTC)}


def _counts(deployment: Deployment) -> list[tuple[str, int, int]]:
    """Each type of process with how many run, and how few may."""
    live = deployment.live
    assert live is not None
    app = app_release.app_of(live.artefact)
    return [(name, app.count(name, deployment.scale), int(name == app_release.ANSWERING)) for name in app.processes]
