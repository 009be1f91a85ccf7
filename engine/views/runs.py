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
from engine.views.marks import finished, marks_of, not_taken, seen_of
from engine.views.paging import newest, number_in
from engine.views.step_list import MOST_DRAWN, MOST_ROWS, Tally, groups, tally
from engine.views.watched import Watched
from lib.pages.toasts import say, warn
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
    found = newest(rows, me(request), ON_A_PAGE + 1)
    filters = {key: value for key, value in (("state", state), ("template", template), ("mine", mine)) if value}
    older = urlencode({**filters, "before": found[ON_A_PAGE - 1].pk}) if len(found) > ON_A_PAGE else ""
    context = {
        "runs": found[:ON_A_PAGE], "older": older, "filters": filters, "newest": urlencode(filters),
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
    # Read before all the rest: what happens while the page is made is then told to it once more, and never missed.
    last = Event.objects.filter(run=pk).order_by("-pk").values_list("pk", flat=True).first() or 0
    found = fetch(me(request), Run.objects.select_related("revision__template", "deployment__target", "team"), pk=pk)
    seen, counted = seen_of(found.revision), tally(found)
    asks, more = asks_of(found, me(request), filled)
    shown = groups(found, counted, seen)
    return {
        "run": found,
        "drawing": _drawing(found, counted, seen),
        "leaves": len(found.flow.leaf_paths),
        "counted": counted,
        "groups": shown,
        "all_shown": sum(len(group.lines) + max(0, group.more) for group in shown) >= counted.all,
        "some_hidden": sum(len(group.lines) for group in shown) < counted.all,
        "ahead": _ahead(found, counted, seen),
        "asks": asks,
        "asks_more": more,
        "log": reversed(_log(found)),
        "last_event": last,
        "may_change": can(me(request), "change", found),
        "reset": reset_set(found) if found.state == RunState.FAILED and counted.all <= MOST_ROWS else [],
        "criteria": _criteria(found),
        "earlier": earlier(request, found),
    }


def _drawing(found: Run, counted: Tally, seen: Mapping[str, Watched]) -> SafeString | None:
    if len(found.flow.leaf_paths) > MOST_DRAWN:
        return None
    marks = marks_of(found, counted, seen)
    drawn = course(found.flow.root, marks, title=found.title, walked=True, done=finished(found))
    return mark_safe(drawn)  # noqa: S308 - made by engine.definition.drawing, which escapes every word


def _log(found: Run) -> list[Any]:
    events = found.events.exclude(text="").select_related("step").order_by("-pk")
    heavy = ("checkpoint", "outputs", "answer", "asking")
    return list(events.defer("data", *(f"step__{name}" for name in heavy))[:LINES])


def _ahead(found: Run, counted: Tally, seen: Mapping[str, Watched]) -> list[tuple[Leaf, Watched | None]]:
    """The leaves that may still come, in the flow's order."""
    if found.ended or len(found.flow.leaf_paths) > MOST_DRAWN:
        return []
    begun = set(counted.of) | not_taken(found)
    return [(leaf, seen.get(leaf.id)) for leaf in found.flow.leaves() if leaf.id not in begun]


def _criteria(found: Run) -> list[dict[str, Any]]:
    """What done means for this run's template, with what each criterion says now where this run's release is live."""
    live = found.deployment.live if found.deployment else None
    mine = bool(live and live.run_id == found.pk)
    known = {r.criterion: r for r in found.deployment.results.filter(current=True)} if found.deployment and mine else {}
    return [{"title": leaf.name, "result": known.get(leaf.id)} for leaf in found.revision.parsed.done]


def earlier(request: HttpRequest, found: Run) -> list[Run]:
    """Runs of the same template and deployment to compare with: the last that succeeded, then the newest."""
    revisions = list(found.revision.template.revisions.values_list("pk", flat=True))
    rows = visible(me(request), Run).filter(revision__in=revisions, deployment=found.deployment_id, pk__lt=found.pk)
    rows = rows.select_related("revision__template").order_by("-pk")
    good = rows.filter(state=RunState.SUCCEEDED).first()
    others = [one for one in rows[:COMPARED] if one != good]
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


def _move(request: HttpRequest, pk: int, verb: Any, said: str) -> HttpResponse:
    found = fetch(me(request), Run, pk=pk)
    may(me(request), "change", found)
    try:
        verb(found, me(request))
    except transitions.NotPossible as error:
        warn(request, sentence(error))
    else:
        say(request, said)
    return redirect("run", pk)


def sentence(error: Exception) -> str:
    """What the engine says, as a sentence."""
    return f"{str(error)[:1].upper()}{str(error)[1:]}."
