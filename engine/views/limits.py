"""How many steps at once: of a team, on its targets, of a template."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from engine.forms import AtMostForm
from engine.models import Limit, StepRun, Target, Template
from engine.queue.concurrency import WORKING
from lib.pages.toasts import say, warn
from people.access import can, fetch, may, me
from people.models import Team


@dataclass(frozen=True)
class Bound:
    """One thing that may be limited: its limit, what is at work now and how many wait for their turn."""

    what: str
    scope: str  # as the form sends it: "team", a target's name
    at_most: int | None
    working: int
    waiting: int


def bound(what: str, scope: str, **of: Any) -> Bound:
    limit = Limit.objects.filter(**of).first()
    working = (limit or Limit(**of)).steps().filter(WORKING).count()
    waiting = StepRun.objects.filter(queue=limit.key).count() if limit else 0
    return Bound(what, scope, limit.at_most if limit else None, working, waiting)


@login_required
def limits(request: HttpRequest, slug: str) -> HttpResponse:
    """The team's and its targets'; a POST sets or lifts one of them."""
    team = fetch(me(request), Team, slug=slug)
    if request.method == "POST":
        may(me(request), "start_in", team)
        name = request.POST.get("target", "")
        _keep(request, {"target": fetch(me(request), Target, name=name, team=team)} if name else {"team": team})
        return redirect("limits", slug)
    targets = [bound(f"on target {target}", target.name, target=target) for target in team.targets.order_by("name")]
    context = {
        "team": team, "bounds": [bound(f"of team {team}", "", team=team), *targets],
        "may_change": can(me(request), "start_in", team),
    }  # fmt: skip
    return render(request, "engine/limits.html", context)


@login_required
@require_POST
def of_template(request: HttpRequest, name: str) -> HttpResponse:
    template = fetch(me(request), Template, "limit", name=name)
    _keep(request, {"template": template})
    return redirect("template", name)


def _keep(request: HttpRequest, of: dict[str, Any]) -> None:
    """Set the limit that was sent, or lift it where none was."""
    form = AtMostForm(request.POST)
    if not form.is_valid():
        warn(request, "Nothing was changed: a limit is a whole number from 1 on, or empty for none.")
    elif at_most := form.cleaned_data["at_most"]:
        limit, _ = Limit.objects.update_or_create(**of, defaults={"at_most": at_most})
        say(request, f"From now on {limit}.")
    else:
        Limit.objects.filter(**of).delete()
        say(request, "The limit is removed. Queued steps start within seconds.")
