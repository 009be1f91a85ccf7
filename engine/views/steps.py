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
from engine.views.marks import watched_of
from engine.views.paging import number_in
from engine.views.runs import run_context
from engine.views.step_list import HEAVY, MOST_DRAWN, address, lines, page_of, tally, totals_of
from lib.pages.toasts import say, warn
from people.access import fetch, may, me

OTHERS = 30  # rounds or items that a step's page names beside it


@login_required
def steps(request: HttpRequest, pk: int) -> HttpResponse:
    """All of them in the order they were begun, a page at a time; of one leaf, or in one state."""
    run = fetch(me(request), Run.objects.select_related("revision__template"), pk=pk)
    step, state = request.GET.get("step", ""), request.GET.get("state", "")
    after = number_in(request, "after")
    rows, following = page_of(run, step, state, after)
    named = {leaf.id: leaf.name for leaf in run.flow.leaves()}
    context = {
        "run": run, "lines": lines(run, rows, watched_of(run.revision)), "counted": tally(run),
        "step": step, "state": state, "name": named.get(step, step), "states": StepState.choices, "after": after,
        "named": list(named.items()) if len(named) <= MOST_DRAWN else [],
        "newest": address(run, step=step, state=state),
        "following": address(run, step=step, state=state, after=str(following)) if following else "",
    }  # fmt: skip
    return render(request, "engine/steps.html", context)


@login_required
def step(request: HttpRequest, pk: int, step_pk: int) -> HttpResponse:
    step = fetch(me(request), StepRun.objects.select_related("run__revision__template"), pk=step_pk, run=pk)
    jobs = step.checkpoint.get("jobs", [])
    output = step.run.target.connect().logs(jobs[-1], offset=-20000).text if jobs else ""
    same = step.run.steps.filter(leaf=step.leaf, purpose=step.purpose).exclude(pk=step.pk).defer(*HEAVY)
    others = list(same[: OTHERS + 1]) if step.leaf else []
    queues = wording.queues_of([step])
    held = wording.held(step) or wording.retrying(step) or step.queue in queues
    totals = totals_of(step.run, [step])
    context = {
        "step": step,
        "run": step.run,
        "where": wording.place(step.run.flow, step, totals),
        "word": wording.word(step),
        "mark": wording.mark(step, MARKS),
        "waits": wording.says(step, queues) if held else "",
        "outputs": list(step.outputs.items()),  # not as a mapping: an output may be called “items”
        "output": output,
        "events": step.events.exclude(text=""),
        "others": lines(step.run, others[:OTHERS], {}),
        "others_more": address(step.run, step=step.leaf) if len(others) > OTHERS else "",
    }
    return render(request, "engine/step.html", context)


@login_required
@require_POST
def approve(request: HttpRequest, pk: int, step_pk: int) -> HttpResponse:
    step = fetch(me(request), StepRun, pk=step_pk, run=pk)
    form = VoteForm(request.POST)
    if not step.may_answer(me(request)):
        warn(request, _why_not(step, request))
    elif form.is_valid():
        yes = "no" not in request.POST
        voted = step.vote(me(request), approve=yes, comment=form.cleaned_data["comment"])
        say(request, ("You said yes." if yes else "You said no.") if voted else "This was answered before.")
    return redirect("run", pk)


@login_required
@require_POST
def confirm(request: HttpRequest, pk: int, step_pk: int) -> HttpResponse:
    step = fetch(me(request), StepRun.objects.select_related("run"), pk=step_pk, run=pk)
    if not step.may_answer(me(request)):
        warn(request, _why_not(step, request))
        return redirect("run", pk)
    form = AnswerForm(request.POST, request.FILES, step=step)
    if not form.is_valid() or (values := form.kept(me(request))) is None:
        return render(request, "engine/run.html", run_context(request, pk, form), status=422)
    done = step.confirm(me(request), values, form.cleaned_data["comment"])
    say(request, "Confirmed." if done else "Somebody else confirmed this step first; nothing was changed.")
    return redirect("run", pk)


@login_required
@require_POST
def tell(request: HttpRequest, pk: int, step_pk: int) -> HttpResponse:
    """Say by hand that an event has come which this step waits for."""
    step = fetch(me(request), StepRun.objects.select_related("run"), pk=step_pk, run=pk)
    may(me(request), "change", step.run)
    form = TellForm(request.POST, step=step, prefix=f"tell-{step.pk}")
    if step.asks is None or not step.asks.needs.events:
        warn(request, "This step no longer waits for an event.")
    elif not form.is_valid():
        return render(request, "engine/run.html", run_context(request, pk, form), status=422)
    else:
        Signal.send(step.run, form.cleaned_data["name"], form.cleaned_data["values"], me(request))
        say(request, f"The event {form.cleaned_data['name']} was sent to the run.")
    return redirect("run", pk)


def _why_not(step: StepRun, request: HttpRequest) -> str:
    """Why somebody's answer was not taken."""
    return (step.why_not(me(request)) if step.asking else "") or "This has been answered already."
