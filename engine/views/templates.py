"""/templates/: the workflow templates, one of them, and starting it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.safestring import SafeString, mark_safe
from django.views.decorators.http import require_POST

from engine.actions import plan_run
from engine.actions.start_run import Refused, StartRun
from engine.artefacts.store import ArtefactError
from engine.definition.drawing import course
from engine.definition.vocabulary import FILE_TYPES
from engine.forms import StartForm
from engine.models import Artefact, Revision, Template
from engine.outcomes import PermanentFailure
from engine.runs import transitions
from engine.steps import catalogue
from engine.views.limits import bound
from engine.views.onboarding import onboarding
from engine.views.refusals import sentence
from engine.views.schedules import planned
from engine.views.step_list import MOST_DRAWN
from lib import names
from lib.pages.toasts import say, warn
from people.access import can, fetch, may, me, visible
from people.models import Team, User


@login_required
def templates(request: HttpRequest) -> HttpResponse:
    rows = visible(me(request), Template).select_related("persona").prefetch_related("revisions")
    mine = me(request).persona_id
    ordered = sorted(rows, key=lambda t: (t.persona_id != mine, t.persona.name if t.persona else "", t.name))
    context = {
        "templates": [row for row in ordered if not of_others(row, me(request))],
        "others": [row for row in ordered if of_others(row, me(request))],
    }
    return render(request, "engine/templates.html", context)


def of_others(template: Template, user: User) -> bool:
    """Whether it is another persona's, and so in words that are not this person's."""
    return user.persona_id is not None and template.persona_id not in (None, user.persona_id)


def _revision(request: HttpRequest, name: str) -> Revision:
    template = fetch(me(request), Template, name=name)
    number = request.GET.get("revision", "")
    if number.isdigit() and len(number) < 10:
        return fetch(me(request), template.revisions.all(), number=int(number))
    return template.published or template.latest


@login_required
def template(request: HttpRequest, name: str) -> HttpResponse:
    """One revision; with ?part=yaml, its document alone."""
    revision = _revision(request, name)
    if request.GET.get("part") == "yaml":
        return HttpResponse(revision.parsed.yaml(), content_type="text/plain; charset=utf-8")
    persona = revision.template.persona
    every = revision.parsed.flow.leaves()
    leaves = [(leaf, catalogue.says(leaf, persona)) for leaf in every[:MOST_DRAWN]]
    context = {
        "revision": revision,
        "template": revision.template,
        "drawing": _drawing(revision) if len(every) <= MOST_DRAWN else None,
        "leaves": leaves,
        "leaves_more": len(every) - len(leaves),
        "schedules": planned(me(request), revision.template),
        "may_schedule": any(can(me(request), "start_in", team) for team in visible(me(request), Team)),
        "bound": bound("of this template", "", template=revision.template),
        "may_limit": can(me(request), "limit", revision.template),
        "inputs": list(revision.parsed.inputs.items()),  # not as a mapping: an input may be called “items”
        "done": [(leaf, catalogue.says(leaf, persona)) for leaf in revision.parsed.done],
        "yaml": revision.parsed.yaml() if len(every) <= MOST_DRAWN else "",
        "revisions": revision.template.revisions.select_related("published_by", "made_by"),
        "runs": visible(me(request), revision.runs.all())[:5],
        "may_publish": can(me(request), "publish", revision),
    }
    return render(request, "engine/template.html", context)


def _drawing(revision: Revision) -> SafeString:
    return mark_safe(course(revision.parsed.flow.root, title=revision.title))  # noqa: S308 - engine.definition.drawing escapes


@login_required
@require_POST
def publish(request: HttpRequest, name: str) -> HttpResponse:
    template = fetch(me(request), Template, name=name)
    number = request.POST.get("revision", "")
    revision = fetch(me(request), template.revisions.all(), number=int(number) if number.isdigit() else 0)
    may(me(request), "publish", revision)
    revision.publish(me(request))
    say(request, f"{revision} is what new runs take from now on.")
    return redirect("template", name)


@login_required
def start(request: HttpRequest, name: str) -> HttpResponse:
    """Fill the inputs in, look at what would change, start."""
    revision = _revision(request, name)
    initial = {"name": request.GET.get("called", ""), "team": request.GET.get("team") or None}
    form = _start_form(request, revision, initial={k: v for k, v in initial.items() if v})
    plan = None
    if request.method == "POST" and form.is_valid():
        try:
            starting = form.start()
            may(me(request), "start_in", starting.team)
            if "plan" not in request.POST:
                return redirect("run", starting.execute().pk)
            plan = plan_run.plan(starting)
            form = StartForm(initial=request.POST.dict(), revision=revision, user=me(request), kept=_shas(starting))
        except Refused as refused:
            for field, why in refused.problems.items():
                form.add_error(field if field in form.fields else None, why)
        except ValidationError as error:  # a file that could not be stored
            form.add_error(None, error)
        except (transitions.NotPossible, PermanentFailure) as error:
            form.add_error(None, sentence(error))
    context = {
        "form": form,
        "revision": revision,
        "plan": plan,
        "teams": form.fields["team"].queryset,  # type: ignore[attr-defined]
        "onboarding": onboarding(revision, form.brought),
    }
    return render(request, "engine/start.html", context)


def _start_form(request: HttpRequest, revision: Revision, **kwargs: Any) -> StartForm:
    """Files that are here already come as their sha256, in the address or in the form itself."""
    files = [name for name, spec in revision.parsed.inputs.items() if spec.type in FILE_TYPES]
    kept = {name: sha for name in files if (sha := request.POST.get(name) or request.GET.get(name))}
    return StartForm(
        request.POST or None, request.FILES or None, revision=revision, user=me(request), kept=kept, **kwargs
    )


def _shas(starting: StartRun) -> dict[str, str]:
    return {
        name: value["sha256"]
        for name, value in starting.inputs.items()
        if isinstance(value, Mapping) and "sha256" in value
    }


@login_required
@require_POST
def drop(request: HttpRequest) -> HttpResponse:
    """A file dropped on Home: keep it, and go on to starting the persona's published template with it."""
    user = me(request)
    revision = Revision.objects.published_for(user.persona)
    team = next((t for t in Team.objects.visible_to(user) if can(user, "start_in", t)), None)
    file = request.FILES.get("file")
    inputs = revision.parsed.inputs if revision else {}
    into = next((name for name, spec in inputs.items() if spec.type in FILE_TYPES), None)
    if revision is None or team is None or file is None or into is None:
        warn(request, "There is no template here that takes a file, or no file came. Pick a template instead.")
        return redirect("templates")
    try:
        kept = Artefact.objects.keep(file, file.name or "file", team, user)
    except ArtefactError as error:
        warn(request, str(error))
        return redirect("home")
    called = names.key((file.name or "").rsplit(".", 1)[0].removesuffix(".tar"), 40).replace("_", "-")
    query = urlencode({into: kept.sha256, "called": called, "team": team.pk, "revision": revision.number})
    return redirect(f"{reverse('template-start', args=[revision.template.name])}?{query}")
