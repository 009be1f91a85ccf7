"""/settings/example/: what the example workspace is, and the one button that takes it away."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from engine.models import Deployment, Run
from lib.pages.toasts import say, warn
from people.access import can, fetch, may, me
from people.models import Team
from server.example import PEOPLE, TEAM, RemoveExample

PEOPLE_NAMES = [name.capitalize() for name in PEOPLE]


@login_required
def example(request: HttpRequest) -> HttpResponse:
    """Says what would go; a POST by an admin of the example's team removes it."""
    team = fetch(me(request), Team, slug=TEAM, example=True)
    if request.method == "POST":
        may(me(request), "change", team)
        if run := Run.objects.active().filter(team=team).first():
            warn(request, f"Run {run.pk} is still going. Cancel it or let it end, then remove the example.")
            return redirect("example")
        RemoveExample().execute()
        say(request, "The example is removed. The templates to start with have stayed.")
        return redirect("home")
    context = {
        "team": team,
        "may_remove": can(me(request), "change", team),
        "live": Deployment.objects.there().filter(team=team),
        "runs": Run.objects.filter(team=team).count(),
        "people": " and ".join([", ".join(PEOPLE_NAMES[:-1]), PEOPLE_NAMES[-1]]),
        "own_account": me(request).username not in PEOPLE,
    }
    return render(request, "example.html", context)
