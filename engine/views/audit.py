"""/audit/: who did what when, on the teams one is on."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib.auth.decorators import login_required
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from engine.models import Event
from engine.views.paging import newest, number_in
from people.access import me, visible
from people.models import Team, User

ON_A_PAGE = 100
KINDS = {
    "runs": ("Runs begun, paused, ended", "run."), "steps": ("Steps", "step."), "live": ("What is live", "deployment."),
    "traffic": ("Traffic", "traffic."), "schedules": ("Schedules", "schedule."),
}  # fmt: skip


@login_required
def audit(request: HttpRequest) -> HttpResponse:
    """What people did, the newest first; with ?who=all, what the engine did too."""
    filters = {key: value for key in ("who", "team", "kind", "run") if (value := request.GET.get(key, ""))}
    rows = _filtered(request, filters)
    before = number_in(request, "before")
    events = newest(rows.filter(pk__lt=before) if before else rows, me(request), ON_A_PAGE + 1)
    teams = visible(me(request), Team)
    older = urlencode({**filters, "before": events[ON_A_PAGE - 1].pk}) if len(events) > ON_A_PAGE else ""
    context = {
        "events": events[:ON_A_PAGE], "older": older, "newest": urlencode(filters), "paged": bool(before), **filters,
        "teams": teams, "people": User.objects.filter(memberships__team__in=teams).distinct().order_by("first_name"),
        "kinds": [(key, words) for key, (words, _) in KINDS.items()],
    }  # fmt: skip
    return render(request, "engine/audit.html", context)


def _filtered(request: HttpRequest, filters: dict[str, str]) -> QuerySet[Event]:
    rows: Any = visible(me(request), Event)
    rows = rows.audited().select_related("actor", "team", "step", "deployment")
    rows = rows.defer("data", "step__checkpoint", "step__outputs", "step__answer", "step__asking")
    who = filters.get("who", "")
    if who != "all":
        rows = rows.filter(actor__username=who) if who else rows.filter(actor__isnull=False)
    if team := filters.get("team"):
        rows = rows.filter(team__slug=team)
    if kind := KINDS.get(filters.get("kind", "")):
        rows = rows.filter(kind__startswith=kind[1])
    if run := filters.get("run"):
        rows = rows.filter(run=int(run) if run.isdecimal() and len(run) < 18 else 0)
    events: QuerySet[Event] = rows
    return events
