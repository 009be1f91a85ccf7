"""/kinds/: what a step of a template can be, and the page of each."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from engine.steps import registry
from engine.steps.base import PURPOSES, StepKind
from lib.pages.markdown import rendered
from people.access import me
from people.models import Persona


@login_required
def kinds(request: HttpRequest) -> HttpResponse:
    """Every step kind, those that have words of the reader's persona first; `for` names one purpose."""
    persona, purpose = me(request).persona, request.GET.get("for", "")
    listed = [kind for _, kind in sorted(registry().items()) if purpose in ("", kind.purpose)]
    mine = [kind for kind in listed if not persona or kind.words.get(persona.slug)]
    context = {
        "mine": [_row(kind, persona) for kind in mine],
        "others": [_row(kind, persona) for kind in listed if kind not in mine],
        "purposes": PURPOSES.items(),
        "purpose": purpose,
    }
    return render(request, "engine/kinds.html", context)


def _row(kind: StepKind, persona: Persona | None) -> dict[str, Any]:
    return {"kind": kind, **kind.says(persona), "settings": kind.form.model_fields.items()}


@login_required
def kind(request: HttpRequest, name: str) -> HttpResponse:
    """The documentation of a step kind."""
    step_kind = registry().get(name)
    if step_kind is None:
        raise Http404
    page, words = rendered(step_kind.page).html, step_kind.says(me(request).persona)
    return render(request, "engine/kind.html", {"kind": step_kind, "page": page, "words": words})
