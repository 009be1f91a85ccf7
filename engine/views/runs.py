"""/runs/: the runs, one run live, and what moves it as a whole: pause, continue, cancel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib.auth.decorators import login_required
from django.db.models import Exists, OuterRef, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.safestring import SafeString, mark_safe
from django.views.decorators.http import require_POST

from engine.actions.resume import reset_set
from engine.definition.drawing import course
from engine.definition.flow import Leaf
from engine.models import Event, Run, Template
from engine.runs import transitions
from engine.statuses import RunState
from engine.views.asks import asks_of
from engine.views.marks import finished, marks_of, not_taken, watched_of
from engine.views.paging import newest, number_in
from engine.views.refusals import warned
from engine.views.step_list import MOST_DRAWN, MOST_ROWS, Tally, groups, tally
from engine.views.watched import Watched
from lib.pages.toasts import say
from people.access import can, fetch, may, me, visible
from people.models import User

LINES = 400  # of the log on a run's page; the newest
ON_A_PAGE = 50  # of the list of runs
COMPARED = 10  # earlier runs that a run's page offers to compare with


@login_required
def runs(request: HttpRequest) -> HttpResponse:
    """The newest first, a page at a time: `before` is the number of the last run on the page before."""
    rows = visible(me(request), Run).select_related("revision__template", "deployment", "team", "started_by")
    state, template = request.GET.get("state", ""), request.GET.get("template", "")
    if state in RunState.values:
        rows = rows.filter(state=state)
    if template:
        known = Template.objects.filter(name=template).values_list("revisions", flat=True)
        rows = rows.filter(revision__in=list(known))
    if mine := request.GET.get("mine", ""):
        rows = rows.filter(started_by=me(request))
    if before := number_in(request, "before"):
        rows = rows.filter(pk__lt=before)
    newest_runs = newest(rows, me(request), ON_A_PAGE + 1)
    filters = {key: value for key, value in (("state", state), ("template", template), ("mine", mine)) if value}
    older = urlencode({**filters, "before": newest_runs[ON_A_PAGE - 1].pk}) if len(newest_runs) > ON_A_PAGE else ""
    context = {
        "runs": newest_runs[:ON_A_PAGE], "older": older, "filters": filters, "newest": urlencode(filters),
        "states": RunState.choices, "templates": _templates(me(request)),
        "paged": bool(before),
    }  # fmt: skip
    return render(request, "engine/runs.html", context)


def _templates(user: User) -> list[tuple[str, str]]:
    """What the list can be narrowed to: templates of their persona, and those that their teams have run."""
    run = Run.objects.filter(revision__template=OuterRef("pk"), team__memberships__user=user)
    rows = visible(user, Template)
    if user.persona_id:
        rows = rows.filter(Q(persona=None) | Q(persona=user.persona_id) | Exists(run))
    return list(rows.values_list("name", "title"))


@login_required
def run(request: HttpRequest, pk: int) -> HttpResponse:
    """The whole page; with ?part=now, what changes while it runs; with ?part=asks, what it asks of people."""
    part = request.GET.get("part")
    context = run_context(request, pk)
    if part in ("now", "asks"):
        return render(request, f"engine/run_{'part' if part == 'now' else part}.html", context)
    return render(request, "engine/run.html", context)


def run_context(request: HttpRequest, pk: int, filled: forms.Form | None = None) -> dict[str, Any]:
    """`filled`: what somebody typed that cannot be taken yet; it is shown again with what is wrong."""
    # Read first: events that come while the page is made are then sent to it again, and none is missed.
    last = Event.objects.filter(run=pk).order_by("-pk").values_list("pk", flat=True).first() or 0
    run = fetch(me(request), Run.objects.select_related("revision__template", "deployment__target", "team"), pk=pk)
    watched, counted = watched_of(run.revision), tally(run)
    asks, more = asks_of(run, me(request), filled)
    shown = groups(run, counted, watched)
    return {
        "run": run,
        "drawing": _drawing(run, counted, watched),
        "leaves": len(run.flow.leaf_paths),
        "counted": counted,
        "groups": shown,
        "all_shown": sum(len(group.lines) + max(0, group.more) for group in shown) >= counted.all,
        "some_hidden": sum(len(group.lines) for group in shown) < counted.all,
        "ahead": _ahead(run, counted, watched),
        "asks": asks,
        "asks_more": more,
        "log": reversed(_log(run)),
        "last_event": last,
        "may_change": can(me(request), "change", run),
        "reset": reset_set(run) if run.state == RunState.FAILED and counted.all <= MOST_ROWS else [],
        "criteria": _criteria(run),
        "earlier": earlier(request, run),
    }


def _drawing(run: Run, counted: Tally, watched: Mapping[str, Watched]) -> SafeString | None:
    if len(run.flow.leaf_paths) > MOST_DRAWN:
        return None
    marks = marks_of(run, counted, watched)
    drawn = course(run.flow.root, marks, title=run.title, walked=True, done=finished(run))
    return mark_safe(drawn)  # noqa: S308 - made by engine.definition.drawing, which escapes every word


def _log(run: Run) -> list[Any]:
    events = run.events.exclude(text="").select_related("step").order_by("-pk")
    heavy = ("checkpoint", "outputs", "answer", "asking")
    return list(events.defer("data", *(f"step__{name}" for name in heavy))[:LINES])


def _ahead(run: Run, counted: Tally, watched: Mapping[str, Watched]) -> list[tuple[Leaf, Watched | None]]:
    """The leaves that may still come, in the flow's order."""
    if run.ended or len(run.flow.leaf_paths) > MOST_DRAWN:
        return []
    begun = set(counted.of) | not_taken(run)
    return [(leaf, watched.get(leaf.id)) for leaf in run.flow.leaves() if leaf.id not in begun]


def _criteria(run: Run) -> list[dict[str, Any]]:
    """What done means for this run's template, with what each criterion says now where this run's release is live."""
    live = run.deployment.live if run.deployment else None
    mine = bool(live and live.run_id == run.pk)
    known = {r.criterion: r for r in run.deployment.results.filter(current=True)} if run.deployment and mine else {}
    return [{"title": leaf.name, "result": known.get(leaf.id)} for leaf in run.revision.parsed.done]


def earlier(request: HttpRequest, run: Run) -> list[Run]:
    """Runs of the same template and deployment to compare with: the last that succeeded, then the newest."""
    revisions = list(run.revision.template.revisions.values_list("pk", flat=True))
    rows = visible(me(request), Run).filter(revision__in=revisions, deployment=run.deployment_id, pk__lt=run.pk)
    rows = rows.select_related("revision__template").order_by("-pk")
    good = rows.filter(state=RunState.SUCCEEDED).first()
    others = [other for other in rows[:COMPARED] if other != good]
    return [good, *others] if good else others


@login_required
@require_POST
def cancel(request: HttpRequest, pk: int) -> HttpResponse:
    return _move(request, pk, transitions.cancel, "It is being cancelled; what it changed is put back.")


@login_required
@require_POST
def pause(request: HttpRequest, pk: int) -> HttpResponse:
    return _move(request, pk, transitions.pause, "Paused: no new step begins. Steps that run are finished.")


@login_required
@require_POST
def go_on(request: HttpRequest, pk: int) -> HttpResponse:
    return _move(request, pk, transitions.go_on, "The run continues.")


def _move(request: HttpRequest, pk: int, verb: Any, done: str) -> HttpResponse:
    run = fetch(me(request), Run, pk=pk)
    may(me(request), "change", run)
    with warned(request):
        verb(run, me(request))
        say(request, done)
    return redirect("run", pk)
