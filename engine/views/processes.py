"""What the page of something live shows of an app: its processes, how many there are, and the names of its settings."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from engine.deployments import app_release
from engine.models import Deployment
from engine.outcomes import PermanentFailure
from engine.targets.base import TargetError


def service_of(found: Deployment) -> dict[str, Any]:
    """What its page shows of an app; of anything else nothing."""
    live = found.live
    settings = list(found.config.select_related("set_by"))
    if live is None or not live.programs:
        return {"settings": settings}
    try:
        running, counts = [_line(one) for one in found.running()], _counts(found)
    except (TargetError, PermanentFailure) as error:
        return {"settings": settings, "trouble": str(error), "processes": []}
    return {"settings": settings, "processes": running, "counts": counts}


def _line(process: dict[str, Any]) -> dict[str, Any]:
    began = process["started_at"]
    return {**process, "since": began and datetime.fromtimestamp(began, UTC)}


def _counts(found: Deployment) -> list[tuple[str, int, int]]:
    """Each type of process with how many run, and how few may."""
    live = found.live
    assert live is not None
    app = app_release.app_of(live.artefact)
    return [(name, app.count(name, found.scale), int(name == app_release.ANSWERING)) for name in app.processes]
