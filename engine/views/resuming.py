"""/runs/R/resume/: what would run again, its inputs corrected, and going on."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from engine.actions.resume import Resume
from engine.actions.start_run import Refused
from engine.definition.vocabulary import FILE_TYPES
from engine.forms import CorrectForm
from engine.models import Run
from engine.runs import transitions
from engine.views.refusals import sentence
from engine.views.step_list import lines
from lib.pages.toasts import say
from people.access import can, fetch, may, me

SHOWN = 100


@login_required
def resume(request: HttpRequest, pk: int) -> HttpResponse:
    run = fetch(me(request), Run.objects.select_related("revision__template", "team"), pk=pk)
    if request.method != "POST":
        return _page(request, run, CorrectForm(run=run, kept=None), {})
    may(me(request), "change", run)
    form = CorrectForm(request.POST, request.FILES, run=run, kept=_kept(request, run))
    if not form.fields.keys() & {*request.POST, *request.FILES}:  # nothing is to be corrected
        form = CorrectForm({}, run=run, only=())
    corrected = form.corrections(me(request)) if form.is_valid() else None
    if corrected is None:
        return _page(request, run, form, {}, status=422)
    try:
        if "look" in request.POST:
            return _page(request, run, _again(request, run, corrected), corrected)
        Resume(run, me(request), corrected).execute()
    except Refused as refused:
        for name, why in refused.problems.items():
            form.add_error(name if name in form.fields else None, why)
        return _page(request, run, form, {}, status=422)
    except transitions.NotPossible as error:
        form.add_error(None, sentence(error))
        return _page(request, run, form, {}, status=409)
    say(request, "The run is resumed.")
    return redirect("run", pk)


def _kept(request: HttpRequest, run: Run) -> dict[str, str]:
    """Files that came with a look: their sha256 stands in the form where the file was."""
    return {name: sha for name in _files(run) if (sha := request.POST.get(name, ""))}


def _files(run: Run) -> list[str]:
    return [name for name, spec in run.revision.parsed.inputs.items() if spec.type in FILE_TYPES]


def _again(request: HttpRequest, run: Run, corrected: dict[str, Any]) -> CorrectForm:
    """The form with what was typed, and the files that came with it."""
    kept = {name: corrected[name]["sha256"] for name in _files(run) if isinstance(corrected.get(name), dict)}
    kept |= {name: sha for name, sha in _kept(request, run).items() if name not in kept}
    data = request.POST.copy()
    for name, sha in kept.items():
        data[name] = sha
    return CorrectForm(data, run=run, kept=kept)


def _page(
    request: HttpRequest, run: Run, form: CorrectForm, corrected: dict[str, Any], status: int = 200
) -> HttpResponse:
    """`corrected`: what is to be looked at with."""
    try:
        again, cannot = Resume(run, me(request), corrected).again(), ""
    except (transitions.NotPossible, Refused) as error:
        again, cannot = [], sentence(error)
    context = {
        "run": run, "form": form, "cannot": cannot, "corrected": ", ".join(corrected),
        "lines": lines(run, again[:SHOWN], {}), "more": max(0, len(again) - SHOWN), "count": len(again),
        "may_change": can(me(request), "change", run),
    }  # fmt: skip
    return render(request, "engine/resume.html", context, status=status)
