"""/insights/: what was learned, and what each rests on."""

from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from lib.pages.forms import form_page
from lib.pages.toasts import say
from people.access import can, fetch, me
from research.forms import InsightForm
from research.models import Insight, Observation, Overtaken, Study
from research.reading import Reading
from research.rows import rows


@login_required
def insights(request: HttpRequest) -> HttpResponse:
    mine = Insight.objects.visible_to(me(request)).select_related("persona", "study")
    if wanted := request.GET.get("persona"):
        mine = mine.filter(persona__slug=wanted)
    return render(request, "research/insights.html", {"insights": mine, "studies": can_add(request)})


def can_add(request: HttpRequest) -> bool:
    return Study.objects.watched_by(me(request)).exists()


def chosen(request: HttpRequest) -> list[Observation]:
    """The observations ticked on a review page, as far as this person may use them."""
    ids = [pk for pk in request.GET.getlist("from") + request.POST.getlist("from") if pk]
    observations = Observation.objects.visible_to(me(request)).filter(pk__in=ids).for_reading()
    return sorted(observations, key=lambda observation: ids.index(str(observation.pk)))


@login_required
def insight_new(request: HttpRequest) -> HttpResponse:
    evidence = chosen(request)
    if evidence and (known := request.GET.get("insight")):
        return add_to(request, int(known), evidence)
    start: dict[str, Any] = {}
    if evidence:
        start = {"study": evidence[0].session.study_id, "persona": evidence[0].participant.persona_id}
    form = InsightForm(request.POST or None, user=me(request), initial=start)
    if request.method == "POST" and form.is_valid():
        made = form.save()
        made.rest_on(*[observation for observation in evidence if observation.session.study_id == made.study_id])
        return redirect(made)
    context = {"form": form, "rows": rows(Reading(me(request)), evidence)}
    return render(request, "research/insight_new.html", context)


def add_to(request: HttpRequest, pk: int, evidence: list[Observation]) -> HttpResponse:
    insight = fetch(me(request), Insight, "change", pk=pk)
    insight.rest_on(*[observation for observation in evidence if observation.session.study_id == insight.study_id])
    return redirect(insight)


@login_required
def insight(request: HttpRequest, pk: int) -> HttpResponse:
    insight = fetch(me(request), Insight.objects.select_related("study", "persona"), pk=pk)
    logged = Observation.objects.filter(in_insights__insight=insight).order_by("in_insights__order")
    took_part = insight.study.participants.aggregate(people=Count("pk"))["people"]
    context = {
        "insight": insight,
        "rows": rows(Reading(me(request)), logged.for_reading()),
        "took_part": took_part,
        "may_change": can(me(request), "change", insight),
    }
    return render(request, "research/insight.html", context)


@login_required
def insight_change(request: HttpRequest, pk: int) -> HttpResponse:
    insight = fetch(me(request), Insight, "change", pk=pk)
    form = InsightForm(request.POST or None, instance=insight, user=me(request))
    if request.method == "POST" and form.is_valid():
        try:
            return redirect(form.save())
        except Overtaken as overtaken:
            form.lay_beside(overtaken.now)
    button, status = ("Keep mine", 409) if form.overtaken else ("", 200)
    return form_page(request, form, "Change an insight", insight, back_name="Insight", button=button, status=status)


@login_required
@require_POST
def evidence_drop(request: HttpRequest, pk: int, observation: UUID) -> HttpResponse:
    insight = fetch(me(request), Insight, "change", pk=pk)
    get_object_or_404(insight.links, observation=observation).delete()
    say(request, "It no longer rests on that observation. The observation is still in its session.")
    return redirect(insight)


@login_required
@require_POST
def evidence_move(request: HttpRequest, pk: int, observation: UUID) -> HttpResponse:
    """One place up, or down with down=1."""
    insight = fetch(me(request), Insight, "change", pk=pk)
    links = list(insight.links.all())
    place = next((n for n, link in enumerate(links) if str(link.observation_id) == str(observation)), None)
    other = None if place is None else place + (1 if request.POST.get("down") else -1)
    if place is not None and other is not None and 0 <= other < len(links):
        links[place], links[other] = links[other], links[place]
        for order, link in enumerate(links, start=1):
            link.order = order
        insight.links.bulk_update(links, ["order"])
    return redirect(insight)
