"""/trace/KIND/ID/: the thread from any of its objects; and the fragment a run page asks for."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.db.models import Max
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from engine.models import Revision, Run, StepRun
from journeys import trace
from journeys.grid import watched_of
from people.access import fetch, me
from research.models import Observation


@login_required
def thread(request: HttpRequest, kind: str, pk: str) -> HttpResponse:
    """`step` and `observation` have one thread, `run` one for each of its steps."""
    return render(request, "journeys/trace.html", {"threads": _threads(request, kind, pk), "kind": kind})


def _threads(request: HttpRequest, kind: str, pk: str) -> list[trace.Thread]:
    user = me(request)
    if kind == "observation" and len(pk) == 36:
        return [trace.what_came_of(fetch(user, Observation, pk=pk), user)]
    if kind not in ("run", "step") or not pk.isdigit() or len(pk) > 18:
        raise Http404
    if kind == "run":
        return trace.why_run(fetch(user, Run, pk=int(pk)), user)
    step = fetch(user, StepRun.objects.select_related("run__revision__template", "run__deployment"), pk=int(pk))
    if not step.leaf:
        raise Http404
    return [trace.why_run_step(step, user)]


@login_required
def leaf(request: HttpRequest, pk: int, leaf: str) -> HttpResponse:
    revision = fetch(me(request), Revision, pk=pk)
    if leaf not in revision.parsed.flow.leaf_paths:
        raise Http404
    thread = trace.why_leaf(revision, leaf, me(request))
    return render(request, "journeys/trace.html", {"threads": [thread], "kind": "leaf"})


MOST_LEAVES = 150  # that a run's page says the evidence of


@login_required
def run_evidence(request: HttpRequest, pk: int) -> HttpResponse:
    """For a run page: what each step rests on, each a way into the thread."""
    run = fetch(me(request), Run.objects.select_related("revision__template"), pk=pk)
    watched = watched_of(run.revision)
    leaves = [leaf for leaf in run.flow.leaves() if watched][:MOST_LEAVES]
    named = [leaf.id for leaf in leaves]
    newest = run.steps.filter(purpose=StepRun.Purpose.LEAF, leaf__in=named).order_by().values("leaf")
    begun = {row["leaf"]: row["newest"] for row in newest.annotate(newest=Max("pk"))}
    rows = [(leaf, begun.get(leaf.id), watched.get(leaf.id)) for leaf in leaves]
    return render(request, "journeys/run_evidence.html", {"rows": rows, "known": bool(watched), "run": run})
