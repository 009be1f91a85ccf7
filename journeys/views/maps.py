"""/journeys/: the journeys, one with its maps, cells that are edited and undone, leaves that are bound, drafts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.safestring import mark_safe
from django.views.decorators.http import require_POST

from engine.definition.document import TemplateError
from engine.models import Template
from journeys.actions.derive import DeriveTemplate
from journeys.actions.draft import DraftCurrent, NothingSeen
from journeys.actions.import_ideal import ImportIdeal
from journeys.forms import BindForm, CellForm, JourneyForm
from journeys.grid import grid_of
from journeys.models import Cell, Journey, JourneyMap, MapStep, MapVersion
from journeys.models.cell import CellConflict, last_edit
from lib import names
from lib.pages.forms import form_page
from lib.pages.toasts import say, warn
from people.access import can, fetch, may, me, visible
from people.models import Persona
from research.models import Study

NOUNS = ("service", "release", "artefact", "workload", "address", "traffic", "ship", "rollback")  # of a word pack


@login_required
def journeys(request: HttpRequest) -> HttpResponse:
    rows = visible(me(request), Journey).select_related("persona", "study").prefetch_related("maps")
    return render(request, "journeys/journeys.html", {"journeys": rows, "may_add": can(me(request), "add", Journey)})


@login_required
def journey_new(request: HttpRequest) -> HttpResponse:
    may(me(request), "add", Journey)
    form = JourneyForm(request.POST or None, studies=visible(me(request), Study))
    if request.method == "POST" and form.is_valid():
        made = form.save(commit=False)
        made.slug = _free_slug(made.title)
        made.save()
        return redirect(made)
    return form_page(request, form, "New journey", back="/journeys/", back_name="Journeys", button="Make the journey")


def _free_slug(title: str) -> str:
    wish = names.key(title, 55) or "journey"
    taken = set(Journey.objects.filter(slug__startswith=wish).values_list("slug", flat=True))
    return next(s for n in range(len(taken) + 2) if (s := wish if n == 0 else f"{wish}-{n + 1}") not in taken)


@login_required
def journey(request: HttpRequest, slug: str) -> HttpResponse:
    journey = fetch(me(request), Journey.objects.select_related("persona", "study"), slug=slug)
    maps = [m for m in (journey.current, journey.ideal) if m]
    chosen = request.GET.get("map") or ("current" if journey.current else "ideal")
    shown = next((m for m in maps if m.state == chosen), None)
    grid = grid_of(shown, me(request)) if shown else None
    context = {
        "journey": journey,
        "maps": maps,
        "map": shown,
        "grid": grid,
        "drawing": mark_safe(grid.drawing) if grid else "",  # noqa: S308 - engine.definition.drawing escapes every word
        "signed": shown.signed if shown else None,
        "newer": shown.newer_sessions() if shown else 0,
        "may_change": bool(shown and can(me(request), "change", shown)),
        "may_draft": can(me(request), "draft", journey),
        "can_undo": bool(shown and last_edit(shown, me(request))),
        "versions": shown.versions.select_related("signed_by", "made_by") if shown else [],
    }
    return render(request, "journeys/journey.html", context)


@login_required
@require_POST
def draft(request: HttpRequest, slug: str) -> HttpResponse:
    journey = fetch(me(request), Journey, "draft", slug=slug)
    try:
        DraftCurrent(journey).execute()
    except NothingSeen as error:
        warn(request, str(error))
    else:
        say(request, "Drafted from the observations. What you wrote in its cells is kept.")
    return redirect(journey)


@login_required
@require_POST
def import_ideal(request: HttpRequest, slug: str) -> HttpResponse:
    journey = fetch(me(request), Journey, slug=slug)
    may(me(request), "change", journey.ideal or JourneyMap(journey=journey))
    file = request.FILES.get("file")
    text = file.read(2_000_000).decode("utf-8", "replace") if file else request.POST.get("text", "")
    try:
        ImportIdeal(journey, text).execute()
    except TemplateError as error:
        for problem in error.problems[:5]:
            warn(request, str(problem))
        return redirect(journey)
    say(request, "The ideal map is here.")
    return redirect(f"{journey.get_absolute_url()}?map=ideal")


@login_required
@require_POST
def derive(request: HttpRequest, slug: str) -> HttpResponse:
    journey = fetch(me(request), Journey, slug=slug)
    map_ = journey.ideal
    if map_ is None:
        raise Http404
    may(me(request), "change", map_)
    try:
        revision = DeriveTemplate(map_, me(request)).execute()
    except TemplateError as error:
        for problem in error.problems[:5]:
            warn(request, f"It cannot be run yet: {problem}")
        return redirect(f"{journey.get_absolute_url()}?map=ideal")
    return redirect(f"/templates/{revision.template.name}/?revision={revision.number}")


# --- cells -----------------------------------------------------------------------------------------------------------


def _cell(request: HttpRequest, pk: int, to: str = "view") -> Cell:
    rows = Cell.objects.select_related("step__map__journey__persona", "step__map__journey__study")
    cell = get_object_or_404(rows.filter(step__map__journey__in=visible(me(request), Journey)), pk=pk)
    if to != "view":
        may(me(request), to, cell.step.map)
    return cell


@login_required
def cell(request: HttpRequest, pk: int) -> HttpResponse:
    """A cell: as it is shown, or (?edit) with the box to write in; a POST saves and shows it."""
    if request.method == "POST":
        return _write(request, _cell(request, pk, "change"))
    row = _cell(request, pk, "change" if "edit" in request.GET else "view")
    template = "journeys/cell_edit.html" if "edit" in request.GET else "journeys/cell.html"
    return render(request, template, _cell_context(request, row))


def _write(request: HttpRequest, cell: Cell) -> HttpResponse:
    form = CellForm(request.POST)
    if not form.is_valid():
        context = {**_cell_context(request, cell), "form": form, "typed": request.POST.get("text", "")}
        return render(request, "journeys/cell_edit.html", context, status=422)
    try:
        cell.write(form.cleaned_data["text"], me(request), form.cleaned_data["revision"])
    except CellConflict as conflict:
        context = _cell_context(request, conflict.theirs)
        return render(request, "journeys/cell_edit.html", {**context, "mine": form.cleaned_data["text"]}, status=409)
    return render(request, "journeys/cell.html", _cell_context(request, cell))


def _cell_context(request: HttpRequest, cell: Cell) -> dict[str, object]:
    grid = grid_of(cell.step.map, me(request))
    shown = next(c for s in grid.steps for c in s.cells if c.cell.pk == cell.pk)
    may_change = can(me(request), "change", cell.step.map)
    return {"shown": shown, "cell": cell, "of": grid.of, "may_change": may_change, "mine": None, "typed": None}


@login_required
@require_POST
def undo(request: HttpRequest, slug: str, state: str) -> HttpResponse:
    """Take the newest edit of this person back."""
    map_ = get_object_or_404(JourneyMap, journey__in=visible(me(request), Journey), journey__slug=slug, state=state)
    may(me(request), "change", map_)
    edit = last_edit(map_, me(request))
    if edit is None:
        warn(request, "There is nothing of yours to undo here.")
    else:
        try:
            edit.undo(me(request))
            say(
                request,
                f"“{edit.cell.step.title}”, {edit.cell.get_lane_display().lower()}: back to what it said before.",
            )
        except CellConflict:
            warn(request, "Somebody else has changed that cell since, so it was left alone.")
    return redirect(f"{map_.journey.get_absolute_url()}?map={state}")


@login_required
def evidence(request: HttpRequest, pk: int) -> HttpResponse:
    """All that a step rests on, for this reader."""
    from research.reading import Reading

    steps = MapStep.objects.filter(map__journey__in=visible(me(request), Journey)).select_related("map__journey")
    step = get_object_or_404(steps, pk=pk)
    reading = Reading(me(request))
    rows = sorted(step.evidence_rows().for_reading(), key=lambda o: (not o.marked, o.session_id, o.at))
    shown = [(row, reading.quote(row)) for row in rows]
    return render(request, "journeys/evidence.html", {"step": step, "rows": shown, "insights": step.insights.all()})


# --- the flow's leaves, versions -------------------------------------------------------------------------------------


@login_required
def edit(request: HttpRequest, slug: str) -> HttpResponse:
    """Bind the leaves of the ideal flow to step kinds."""
    journey = fetch(me(request), Journey, slug=slug)
    map_ = journey.ideal
    if map_ is None:
        return redirect(journey)
    may(me(request), "change", map_)
    key = request.POST.get("key", "")
    forms = {s.key: BindForm(map_=map_, key=s.key, prefix=s.key) for s in map_.steps.all()}
    if request.method == "POST" and key in forms:
        forms[key] = BindForm(request.POST, map_=map_, key=key, prefix=key)
        if forms[key].is_valid():
            _bind(map_, key, forms[key].cleaned_data)
            say(request, f"“{map_.steps.get(key=key)}” is bound.")
            return redirect(f"{request.path}#bind-{key}")
    rows = [(step, forms[step.key]) for step in map_.steps.select_related("stage")]
    return render(request, "journeys/edit.html", {"journey": journey, "map": map_, "rows": rows})


def _bind(map_: JourneyMap, key: str, data: dict[str, Any]) -> None:
    with transaction.atomic():
        locked = JourneyMap.objects.select_for_update(no_key=True).get(pk=map_.pk)
        locked.change_leaf(key, lambda leaf: replace(leaf, uses=str(data["uses"]), with_=data["settings"]))


@login_required
@require_POST
def version(request: HttpRequest, slug: str, state: str) -> HttpResponse:
    """Keep what the map says now, to be looked at and signed."""
    map_ = get_object_or_404(JourneyMap, journey__in=visible(me(request), Journey), journey__slug=slug, state=state)
    may(me(request), "change", map_)
    made = MapVersion.objects.take(map_, me(request))
    return redirect("journey-review", slug, made.pk)


@login_required
def persona(request: HttpRequest, slug: str) -> HttpResponse:
    persona = fetch(me(request), Persona, slug=slug)
    context = {
        "persona": persona,
        "champions": persona.champions.select_related("user"),
        "journeys": visible(me(request), Journey).filter(persona=persona),
        "templates": Template.objects.filter(persona=persona),
        "their_words": list(dict.fromkeys(persona.says()[key] for key in NOUNS)),
    }
    return render(request, "journeys/persona.html", context)
