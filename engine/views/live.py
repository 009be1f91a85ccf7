"""/live/: what runs, and one of them: done, traffic, releases, and the verbs on it."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_required
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from engine.actions.confirm_criterion import ConfirmCriterion
from engine.actions.remove import Remove, Restore
from engine.actions.roll_back import RollBack
from engine.deployments import model_release
from engine.models import Deployment
from engine.models.deployment import KEPT
from engine.runs.transitions import NotPossible
from engine.targets.base import Counts, TargetError
from engine.telemetry import history
from engine.views.processes import service_of
from engine.views.refusals import sentence, warned
from lib.pages.toasts import say, warn
from people.access import can, fetch, me, visible
from people.models import User

MOST_CHANGES = 20


@login_required
def live(request: HttpRequest) -> HttpResponse:
    rows = visible(me(request), Deployment).select_related("team", "target", "persona")
    removed = rows.filter(removed_at__gt=timezone.now() - KEPT)
    return render(request, "engine/live.html", {**lines(rows.filter(removed_at=None), me(request)), "removed": removed})


def lines(deployments: QuerySet[Deployment], user: User) -> dict[str, list[dict[str, Any]]]:
    """What is live of this person's own persona, and what others of their teams have."""
    own = set(Deployment.objects.of_persona(user.persona).filter(pk__in=deployments).values_list("pk", flat=True))
    rows = [line(row) for row in deployments]
    return {
        "rows": [row for row in rows if row["deployment"].pk in own],
        "others": [row for row in rows if row["deployment"].pk not in own],
    }


def line(deployment: Deployment) -> dict[str, Any]:
    """What a table says of it: its live release, how far it is from done, and the run that changes it."""
    met, of = deployment.progress()
    return {
        "deployment": deployment,
        "live": deployment.live,
        "met": met,
        "of": of,
        "run": deployment.runs.active().first(),
    }


def found_at(request: HttpRequest, team: str, target: str, name: str, to: str = "view") -> Deployment:
    """The deployment of an address, for somebody who may do this to it; else a 404 or 403."""
    rows = Deployment.objects.select_related("team", "target", "persona")
    return fetch(me(request), rows, to, team__slug=team, target__name=target, name=name)


@login_required
def deployment(request: HttpRequest, team: str, target: str, name: str) -> HttpResponse:
    deployment = found_at(request, team, target, name)
    counts = _counts(deployment)
    releases = [{"release": r, "counts": counts.get(str(r.number))} for r in deployment.releases.select_related("run")]
    context = {
        **line(deployment),
        "releases": releases,
        "criteria": deployment.results.filter(current=True),
        "changes": _changes(deployment),
        "call": model_release.curl_for(deployment),
        "runs": deployment.runs.select_related("revision__template", "started_by")[:10],
        "events": deployment.events.exclude(text="").order_by("-pk")[:40],
        "may_change": can(me(request), "change", deployment),
        "service": service_of(deployment),
    }
    return render(request, "engine/deployment.html", context)


def _changes(deployment: Deployment) -> list[history.HistoryLine]:
    """The newest changes. The state before the oldest one shown is looked up too."""
    newest = list(deployment.events.filter(kind__in=history.KINDS).order_by("-pk")[: MOST_CHANGES * 2])
    return history.changes(reversed(newest))[:MOST_CHANGES]


def _counts(deployment: Deployment) -> dict[str, Counts]:
    try:
        return deployment.target.connect().counts(deployment.route_name)
    except TargetError:
        return {}  # without the gateway the page shows no numbers


@login_required
@require_POST
def rollback(request: HttpRequest, team: str, target: str, name: str) -> HttpResponse:
    deployment = found_at(request, team, target, name, "change")
    with warned(request):
        before = RollBack(deployment, me(request)).execute()
        say(request, f"{before} answers again.")
    return redirect("deployment", team, target, name)


@login_required
@require_POST
def remove(request: HttpRequest, team: str, target: str, name: str) -> HttpResponse:
    deployment = found_at(request, team, target, name, "change")
    try:
        Remove(deployment, me(request)).execute()
    except (NotPossible, TargetError) as error:
        warn(request, sentence(error))
        return redirect("deployment", team, target, name)
    say(request, f"{name} is removed.", undo=reverse("deployment-restore", args=[team, target, name]))
    return redirect("live")


@login_required
@require_POST
def restore(request: HttpRequest, team: str, target: str, name: str) -> HttpResponse:
    deployment = found_at(request, team, target, name, "change")
    with warned(request):
        Restore(deployment, me(request)).execute()
        say(request, f"{name} answers again.")
    return redirect("deployment", team, target, name)


@login_required
@require_POST
def confirm(request: HttpRequest, team: str, target: str, name: str, criterion: str) -> HttpResponse:
    deployment = found_at(request, team, target, name, "change")
    try:
        ConfirmCriterion(deployment, criterion, me(request), request.POST.get("comment", "")[:2000]).execute()
    except ValueError as error:
        warn(request, sentence(error))
    else:
        say(request, "Confirmed for what is live now.")
    return redirect("deployment", team, target, name)
