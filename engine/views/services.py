"""/live/…: what only an app has there: its settings, its processes, and their logs as they are written."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from engine.actions.release_again import ReleaseAgain
from engine.actions.scale import Scale
from engine.actions.start_run import Refused
from engine.models import Deployment
from engine.runs import transitions
from engine.views.live import found_at
from engine.views.refusals import sentence, warned
from lib.pages.toasts import say, warn
from people.access import me

TAIL = 6000  # bytes of a log on the page


@login_required
@require_POST
def configure(request: HttpRequest, team: str, target: str, name: str) -> HttpResponse:
    """Set one setting, or take one away; what is live is released again with it."""
    deployment = found_at(request, team, target, name, "change")
    key = request.POST.get("key", "").strip()
    value = None if "remove" in request.POST else request.POST.get("value", "")
    try:
        deployment.configure({key: value}, me(request))
    except ValueError as error:
        warn(request, sentence(error))
        return redirect("deployment", team, target, name)
    return _again(request, deployment, f"{key} is {'set' if value is not None else 'removed'}")


def _again(request: HttpRequest, deployment: Deployment, done: str) -> HttpResponse:
    here = redirect("deployment", deployment.team.slug, deployment.target.name, deployment.name)
    if deployment.live is None:
        say(request, f"{done}. The first release will use it.")
        return here
    try:
        run = ReleaseAgain(deployment, me(request)).execute()
    except (transitions.NotPossible, Refused) as error:
        say(request, f"{done}.")
        warn(request, f"It was not released again: {error}.")
        return here
    say(request, f"{done}, and is released.")
    return redirect("run", run.pk)


@login_required
@require_POST
def scale(request: HttpRequest, team: str, target: str, name: str) -> HttpResponse:
    deployment = found_at(request, team, target, name, "change")
    sent = request.POST.dict().items()
    counts = {key.removeprefix("count-"): str(value) for key, value in sent if key.startswith("count-")}
    if not counts or not all(value.isdigit() and len(value) < 6 for value in counts.values()):
        warn(request, "Enter a whole number of processes, for instance 2.")
        return redirect("deployment", team, target, name)
    with warned(request):
        Scale(deployment, me(request), {process: int(value) for process, value in counts.items()}).execute()
        say(request, f"{name} runs {', '.join(f'{value} {process}' for process, value in counts.items())}.")
    return redirect("deployment", team, target, name)


@login_required
def log(request: HttpRequest, team: str, target: str, name: str) -> HttpResponse:
    """The end of a process's log; the page asks for it again every two seconds."""
    deployment = found_at(request, team, target, name)
    live, process = deployment.live, request.GET.get("process", "")
    workload = live.workload_of(process) if live else None
    text = deployment.target.connect().logs(workload, offset=-TAIL).text if workload else ""
    lines = text.splitlines()[-100:]
    return render(request, "engine/log.html", {"lines": lines, "process": process})
