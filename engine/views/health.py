"""/health/live and /health/ready: for whoever starts, watches or replaces this server. No sign-in, and no secrets.

Ready means that work would be done: the database answers, and some engine has asked it for work a moment ago.
"""

from __future__ import annotations

from django.db import Error
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe

from engine.models.heartbeat import RECENT, EngineHeartbeat

WITHIN = f"{RECENT.total_seconds():.0f} s"
Problem = dict[str, str]


@require_safe
def live(request: HttpRequest) -> JsonResponse:
    """This process answers; it says nothing of the database."""
    return JsonResponse({"live": True})


@require_safe
def ready(request: HttpRequest) -> JsonResponse:
    """200 when a step that became ready now would be taken up, else 503 with what is wrong and what to do."""
    problems = _problems()
    return JsonResponse({"ready": not problems, "problems": problems}, status=503 if problems else 200)


def _problems() -> list[Problem]:
    try:
        if EngineHeartbeat.objects.looking().exists():
            return []
        alive = list(EngineHeartbeat.objects.alive()[:5])
    except Error:  # what the driver says may name hosts and users: that is in the log
        return [{
            "what": "The database does not answer, or its tables are not there.",
            "do": "Look whether it runs and whether `manage.py migrate` was done; the server's log says more.",
        }]  # fmt: skip
    if alive:
        names = ", ".join(map(str, alive))
        return [{
            "what": f"No engine has claimed work for {WITHIN}, though some are alive: {names}.",
            "do": "All their threads are busy, or the database is slow: start another worker, or look into their logs.",
        }]  # fmt: skip
    return [{
        "what": f"No engine was seen for {WITHIN}.",
        "do": "Start one: `desirepath up` on one machine, `desirepath worker` with DATABASE_URL on several.",
    }]  # fmt: skip
