"""/runs/: the runs, one run live, one of its steps; the answers people give it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.safestring import mark_safe
from django.views.decorators.http import require_POST

from engine import advance
from engine.actions.resume import Resume, reset_set
from engine.drawing import course
from engine.flow import Leaf
from engine.forms import AnswerForm, VoteForm
from engine.models import Run, StepRun
from engine.views.marks import Seen, finished, marks_of, not_taken, seen_of
from people.access import can, fetch, may, me, visible
from people.toasts import say, warn

LINES = 400  # of the log on a run's page; the newest


@login_required
def runs(request: HttpRequest) -> HttpResponse:
    rows = visible(me(request), Run).select_related("revision__template", "deployment__target", "team", "started_by")
    return render(request, "engine/runs.html", {"runs": rows[:200]})


@login_required
def run(request: HttpRequest, pk: int) -> HttpResponse:
    """The whole page; with ?part=now, what changes while it runs; with ?part=asks, what it asks of people."""
    found = fetch(me(request), Run.objects.select_related("revision__template", "deployment__target", "team"), pk=pk)
    part = request.GET.get("part")
    context = run_context(request, found)
    if part in ("now", "asks"):
        return render(request, f"engine/run_{'part' if part == 'now' else part}.html", context)
    return render(request, "engine/run.html", context)


def run_context(request: HttpRequest, found: Run, answered: AnswerForm | None = None) -> dict[str, Any]:
    """`answered`: what somebody typed that cannot be taken yet; it is shown again with what is wrong."""
    rows = list(found.steps.all())
    seen = seen_of(found.revision)
    marks = marks_of(found, rows, seen)
    drawing = course(found.flow.root, marks, title=found.title, walked=True, done=finished(found))
    last = found.events.order_by("-pk").values_list("pk", flat=True).first() or 0
    return {
        "run": found,
        "drawing": mark_safe(drawing),  # noqa: S308 - made by engine.drawing, which escapes every word
        "rows": [(row, seen.get(row.leaf)) for row in rows if row.purpose == StepRun.Purpose.LEAF or row.asking],
        "ahead": _ahead(found, rows, seen),
        "asks": [_ask(request, row, answered) for row in rows if row.asking and row.state == "waiting"],
        "log": reversed(found.events.exclude(text="").select_related("step").order_by("-pk")[:LINES]),
        "last_event": last,
        "may_change": can(me(request), "change", found),
        "reset": reset_set(found) if found.state == "failed" else [],
        "criteria": _criteria(found),
    }


def _ahead(found: Run, rows: list[StepRun], seen: Mapping[str, Seen]) -> list[tuple[Leaf, Seen | None]]:
    """The leaves that may still come, in the flow's order."""
    begun = {row.leaf for row in rows} | not_taken(found.flow, rows)
    return [] if found.ended else [(leaf, seen.get(leaf.id)) for leaf in found.flow.leaves() if leaf.id not in begun]


def _criteria(found: Run) -> list[dict[str, Any]]:
    """What done means for this run's template, with what each criterion says now where this run's release is live."""
    live = found.deployment.live if found.deployment else None
    mine = bool(live and live.run_id == found.pk)
    known = {r.criterion: r for r in found.deployment.results.filter(current=True)} if found.deployment and mine else {}
    return [{"title": leaf.name, "result": known.get(leaf.id)} for leaf in found.revision.parsed.done]


def _ask(request: HttpRequest, row: StepRun, answered: AnswerForm | None) -> dict[str, Any]:
    mine = row.may_answer(me(request))
    if answered and answered.step.pk == row.pk:
        return {"row": row, "mine": mine, "form": answered}
    verb = (row.asking or {}).get("verb")
    form = VoteForm() if verb == "approve" else AnswerForm(step=row)
    return {"row": row, "mine": mine, "form": form if mine else None}


@login_required
def step(request: HttpRequest, pk: int, step_pk: int) -> HttpResponse:
    found = fetch(me(request), StepRun.objects.select_related("run__revision__template"), pk=step_pk, run=pk)
    jobs = found.memory.get("jobs", [])
    output = found.run.target.connect().logs(jobs[-1], offset=-20000).text if jobs else ""
    others = found.run.steps.filter(leaf=found.leaf).exclude(pk=found.pk) if found.leaf else []
    context = {
        "step": found,
        "run": found.run,
        "output": output,
        "events": found.events.exclude(text=""),
        "others": others,
    }
    return render(request, "engine/step.html", context)


@login_required
@require_POST
def approve(request: HttpRequest, pk: int, step_pk: int) -> HttpResponse:
    found = fetch(me(request), StepRun, pk=step_pk, run=pk)
    form = VoteForm(request.POST)
    if not found.may_answer(me(request)):
        warn(request, "This waits for somebody else, or has been answered already.")
    elif form.is_valid():
        yes = "no" not in request.POST
        voted = found.vote(me(request), approve=yes, comment=form.cleaned_data["comment"])
        say(request, ("You said yes." if yes else "You said no.") if voted else "Somebody was quicker.")
    return redirect("run", pk)


@login_required
@require_POST
def confirm(request: HttpRequest, pk: int, step_pk: int) -> HttpResponse:
    found = fetch(me(request), StepRun.objects.select_related("run"), pk=step_pk, run=pk)
    if not found.may_answer(me(request)):
        warn(request, "This waits for somebody else, or has been answered already.")
        return redirect("run", pk)
    form = AnswerForm(request.POST, request.FILES, step=found)
    if not form.is_valid() or (values := form.kept(me(request))) is None:
        return render(request, "engine/run.html", run_context(request, found.run, form), status=422)
    done = found.confirm(me(request), values, form.cleaned_data["comment"])
    say(request, "Confirmed." if done else "Somebody was quicker.")
    return redirect("run", pk)


@login_required
@require_POST
def cancel(request: HttpRequest, pk: int) -> HttpResponse:
    return _move(request, pk, advance.cancel, "It is being cancelled; what it changed is put back.")


@login_required
@require_POST
def resume(request: HttpRequest, pk: int) -> HttpResponse:
    return _move(request, pk, lambda run, user: Resume(run, user).execute(), "It goes on.")


def _move(request: HttpRequest, pk: int, verb: Any, said: str) -> HttpResponse:
    found = fetch(me(request), Run, pk=pk)
    may(me(request), "change", found)
    try:
        verb(found, me(request))
    except advance.NotNow as error:
        warn(request, f"{str(error)[:1].upper()}{str(error)[1:]}.")
    else:
        say(request, said)
    return redirect("run", pk)
