"""/runs/R/steps/: all steps of a run, one of them, and the answers people give it."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from engine.forms import AnswerForm, TellForm, VoteForm
from engine.models import Run, Signal, StepRun
from engine.statuses import MARKS, StepState
from engine.views import wording
from engine.views.marks import seen_of
from engine.views.paging import number_in
from engine.views.runs import run_context
from engine.views.step_list import HEAVY, MOST_DRAWN, address, lines, page_of, tally, totals_of
from lib.pages.toasts import say, warn
from people.access import fetch, may, me

OTHERS = 30  # rounds or items that a step's page names beside it


@login_required
def steps(request: HttpRequest, pk: int) -> HttpResponse:
    """All of them in the order they were begun, a page at a time; of one leaf, or in one state."""
    found = fetch(me(request), Run.objects.select_related("revision__template"), pk=pk)
    step, state = request.GET.get("step", ""), request.GET.get("state", "")
    after = number_in(request, "after")
    rows, following = page_of(found, step, state, after)
    named = {leaf.id: leaf.name for leaf in found.flow.leaves()}
    context = {
        "run": found, "lines": lines(found, rows, seen_of(found.revision)), "counted": tally(found),
        "step": step, "state": state, "name": named.get(step, step), "states": StepState.choices, "after": after,
        "named": list(named.items()) if len(named) <= MOST_DRAWN else [],
        "newest": address(found, step=step, state=state),
        "following": address(found, step=step, state=state, after=str(following)) if following else "",
    }  # fmt: skip
    return render(request, "engine/steps.html", context)


@login_required
def step(request: HttpRequest, pk: int, step_pk: int) -> HttpResponse:
    found = fetch(me(request), StepRun.objects.select_related("run__revision__template"), pk=step_pk, run=pk)
    jobs = found.checkpoint.get("jobs", [])
    output = found.run.target.connect().logs(jobs[-1], offset=-20000).text if jobs else ""
    same = found.run.steps.filter(leaf=found.leaf, purpose=found.purpose).exclude(pk=found.pk).defer(*HEAVY)
    others = list(same[: OTHERS + 1]) if found.leaf else []
    totals = totals_of(found.run, [found])
    context = {
        "step": found,
        "run": found.run,
        "where": wording.place(found.run.flow, found, totals),
        "word": wording.word(found),
        "mark": wording.mark(found, MARKS),
        "waits": wording.says(found, wording.queues_of([found]))
        if wording.held(found) or wording.retrying(found)
        else "",
        "outputs": list(found.outputs.items()),  # not as a mapping: an output may be called “items”
        "output": output,
        "events": found.events.exclude(text=""),
        "others": lines(found.run, others[:OTHERS], {}),
        "others_more": address(found.run, step=found.leaf) if len(others) > OTHERS else "",
    }
    return render(request, "engine/step.html", context)


@login_required
@require_POST
def approve(request: HttpRequest, pk: int, step_pk: int) -> HttpResponse:
    found = fetch(me(request), StepRun, pk=step_pk, run=pk)
    form = VoteForm(request.POST)
    if not found.may_answer(me(request)):
        warn(request, _why_not(found, request))
    elif form.is_valid():
        yes = "no" not in request.POST
        voted = found.vote(me(request), approve=yes, comment=form.cleaned_data["comment"])
        say(request, ("You said yes." if yes else "You said no.") if voted else "This was answered before.")
    return redirect("run", pk)


@login_required
@require_POST
def confirm(request: HttpRequest, pk: int, step_pk: int) -> HttpResponse:
    found = fetch(me(request), StepRun.objects.select_related("run"), pk=step_pk, run=pk)
    if not found.may_answer(me(request)):
        warn(request, _why_not(found, request))
        return redirect("run", pk)
    form = AnswerForm(request.POST, request.FILES, step=found)
    if not form.is_valid() or (values := form.kept(me(request))) is None:
        return render(request, "engine/run.html", run_context(request, pk, form), status=422)
    done = found.confirm(me(request), values, form.cleaned_data["comment"])
    say(request, "Confirmed." if done else "Somebody else confirmed this step first; nothing was changed.")
    return redirect("run", pk)


@login_required
@require_POST
def tell(request: HttpRequest, pk: int, step_pk: int) -> HttpResponse:
    """Say by hand that an event has come which this step waits for."""
    found = fetch(me(request), StepRun.objects.select_related("run"), pk=step_pk, run=pk)
    may(me(request), "change", found.run)
    form = TellForm(request.POST, step=found, prefix=f"tell-{found.pk}")
    if found.asks is None or not found.asks.needs.events:
        warn(request, "This step no longer waits for an event.")
    elif not form.is_valid():
        return render(request, "engine/run.html", run_context(request, pk, form), status=422)
    else:
        Signal.send(found.run, form.cleaned_data["name"], form.cleaned_data["values"], me(request))
        say(request, f"The event {form.cleaned_data['name']} was sent to the run.")
    return redirect("run", pk)


def _why_not(found: StepRun, request: HttpRequest) -> str:
    """Why somebody's answer was not taken."""
    return (found.why_not(me(request)) if found.asking else "") or "This has been answered already."
