"""Editing an observation after the session: correct it, merge it with the next, release a paraphrase."""

from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from lib.pages.toasts import say, warn
from people.access import fetch, me
from research.actions.merge import Merge
from research.forms import ObservationForm
from research.models import Observation, Overtaken, Session
from research.reading import Reading
from research.rows import Row


def fetch_observation(request: HttpRequest, pk: UUID, to: str = "view") -> Observation:
    return fetch(me(request), Observation.objects.for_reading(), to, pk=pk)


@login_required
def observation(request: HttpRequest, pk: UUID) -> HttpResponse:
    """One row of the review, for htmx; without it, the session with that row in view."""
    observation = fetch_observation(request, pk)
    if not request.headers.get("HX-Request"):
        return redirect(observation)
    row = Row(observation, Reading(me(request)).quote(observation))
    return render(request, "research/row.html", {"row": row, "may_change": True, "session": observation.session})


@login_required
def observation_change(request: HttpRequest, pk: UUID) -> HttpResponse:
    entry = fetch_observation(request, pk, "change")
    form = ObservationForm(request.POST or None, instance=entry)
    htmx = bool(request.headers.get("HX-Request"))
    if request.method == "POST" and form.is_valid():
        try:
            form.save()
            return observation(request, pk) if htmx else redirect(entry)
        except Overtaken as overtaken:
            form.lay_beside(overtaken.now)
    template = "research/row_form.html" if htmx else "form.html"
    context = {"form": form, "observation": entry, "title": "Change an observation", "back": entry.get_absolute_url()}
    context |= {"back_name": entry.session, "button": "Keep mine" if form.overtaken else ""}
    # htmx puts an answer into the page only when it is no error.
    return render(request, template, context, status=409 if form.overtaken and not htmx else 200)


@login_required
def observation_new(request: HttpRequest, pk: int) -> HttpResponse:
    """Written down afterwards."""
    session = fetch(me(request), Session, "change", pk=pk)
    blank = Observation(
        session=session, observer=me(request), participant=session.participants.first(), case=session.case
    )
    form = ObservationForm(request.POST or None, instance=blank, initial={"at": 0})
    if request.method == "POST" and form.is_valid():
        return redirect(form.save())
    context = {"form": form, "title": "Add an observation", "back": reverse("session", args=[pk]), "back_name": session}
    return render(request, "form.html", context)


@login_required
@require_POST
def observation_merge(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Make it one with the next observation of the same person."""
    observation = fetch_observation(request, pk, "change")
    later = Observation.objects.filter(
        session=observation.session_id, participant=observation.participant_id, at__gte=observation.at
    )
    other = later.exclude(pk=pk).first()
    try:
        if other is None:
            raise ValidationError("There is no later observation to merge with.")
        Merge(observation, other).execute()
        say(request, "The two observations are merged.")
    except ValidationError as error:
        warn(request, error.messages[0])
    return redirect(observation)


@login_required
@require_POST
def observation_mark(request: HttpRequest, pk: UUID) -> HttpResponse:
    entry = fetch_observation(request, pk, "change")
    entry.change(marked=not entry.marked)
    return observation(request, pk) if request.headers.get("HX-Request") else redirect(entry)


@login_required
def observation_release(request: HttpRequest, pk: UUID) -> HttpResponse:
    observation = fetch_observation(request, pk, "change")
    if request.method == "POST":
        observation.release(request.POST.get("paraphrase", ""))
        say(request, "Others read the paraphrase now." if observation.released_at else "Nobody else reads it now.")
        return redirect(observation)
    row = Row(observation, Reading(me(request)).quote(observation))
    return render(request, "research/release.html", {"row": row, "observation": observation})


@login_required
def observation_history(request: HttpRequest, pk: UUID) -> HttpResponse:
    """How it came to say this. Old words are read through the same consent as new ones."""
    observation = fetch_observation(request, pk, "change")
    readable = Reading(me(request)).quote(observation).readable
    versions = observation.history.select_related("history_user") if readable else []
    return render(request, "research/history.html", {"observation": observation, "versions": versions})


@login_required
@require_POST
def observation_revert(request: HttpRequest, pk: UUID, version: int) -> HttpResponse:
    observation = fetch_observation(request, pk, "change")
    old = observation.history.filter(history_id=version).first()
    if old:
        names = ("at", "until", "kind", "source", "text", "quote", "marked", "activity_id", "case_id", "participant_id")
        observation.change(**{name: getattr(old, name) for name in names})
        say(request, "The earlier text is restored.")
    return redirect(observation)
