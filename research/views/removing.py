"""Removing anything of this room, and taking that back: one way for all kinds."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from lib.pages.toasts import say
from people.access import fetch, me
from research.models import Case, Insight, Observation, Participant, Session, Study

KINDS: dict[str, Any] = {
    "study": Study,
    "participant": Participant,
    "case": Case,
    "session": Session,
    "observation": Observation,
    "insight": Insight,
}
BACK_FOR = timedelta(days=7)


def model(kind: str, pk: int | UUID) -> Any:
    if kind not in KINDS or isinstance(pk, UUID) != (kind == "observation"):
        raise Http404
    return KINDS[kind]


def page_after(thing: Any) -> str:
    """Where to go when the thing's own page is gone."""
    if isinstance(thing, Observation):
        return reverse("session", args=[thing.session_id])
    if isinstance(thing, Study):
        return reverse("studies")
    if isinstance(thing, Insight):
        return reverse("insights")
    address: str = thing.study.get_absolute_url()
    return address


@login_required
@require_POST
def remove(request: HttpRequest, kind: str, pk: int | UUID) -> HttpResponse:
    thing = fetch(me(request), model(kind, pk), "remove", pk=pk)
    thing.remove()
    say(request, f"{kind.capitalize()} removed.", undo=reverse("evidence-restore", args=[kind, pk]))
    return redirect(page_after(thing))


@login_required
@require_POST
def restore(request: HttpRequest, kind: str, pk: int | UUID) -> HttpResponse:
    recent = model(kind, pk).everything.filter(removed_at__gt=timezone.now() - BACK_FOR)
    thing = fetch(me(request), recent, "remove", pk=pk)
    thing.restore()
    say(request, f"{kind.capitalize()} is back.")
    return redirect(thing.get_absolute_url())
