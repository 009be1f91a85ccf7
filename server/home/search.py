"""/search/: one box over everything that exists for this person. Each room adds a source."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.decorators import login_required
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from people.access import me
from people.models import User
from research.models import Case, Insight, Observation, Participant, Session, Study
from research.reading import Reading

MOST = 20  # of each kind


@dataclass(frozen=True)
class Found:
    kind: str
    title: str
    url: str
    about: str = ""


Source = Callable[[User, str], Iterable[Found]]


def first(rows: QuerySet[Any], words: str, *fields: str) -> QuerySet[Any]:
    """Rows in which every word stands somewhere in one of the fields."""
    for word in words.split():
        anywhere = Q()
        for name in fields:
            anywhere |= Q(**{f"{name}__icontains": word})
        rows = rows.filter(anywhere)
    return rows[:MOST]


def evidence(user: User, words: str) -> Iterable[Found]:
    for study in first(Study.objects.visible_to(user), words, "title", "question"):
        yield Found("Study", study.title, study.get_absolute_url())
    for insight in first(Insight.objects.visible_to(user), words, "title", "text"):
        yield Found("Insight", insight.title, insight.get_absolute_url(), str(insight.study))
    for case in first(Case.objects.visible_to(user).select_related("study"), words, "title", "outcome"):
        yield Found("Case", case.title, case.get_absolute_url(), str(case.study))


def numbered(user: User, words: str) -> Iterable[Found]:
    """“session 7” and “P4”."""
    digits = words.lower().removeprefix("session").removeprefix("p").strip()
    if not digits.isdecimal() or len(digits) > 9:
        return
    for session in Session.objects.visible_to(user).filter(pk=int(digits)).select_related("study"):
        yield Found("Session", str(session), session.get_absolute_url(), str(session.study))
    for one in Participant.objects.visible_to(user).filter(number=int(digits)).select_related("study")[:MOST]:
        yield Found("Participant", str(one), one.get_absolute_url(), str(one.study))


def observations(user: User, words: str) -> Iterable[Found]:
    """Only words this person may read are looked through: a hit would tell them what is there."""
    reading = Reading(user)
    mine = Reading(user).readable(Observation.objects.visible_to(user).usable()).filter(released_at=None).for_reading()
    for one in first(mine, words, "text", "activity__name"):
        quote = reading.quote(one)
        if quote.verbatim:
            yield Found("Observation", quote.text or str(one.activity), quote.url, f"{quote.who} · {quote.where}")


SOURCES: list[Source] = [evidence, numbered, observations]


@login_required
def search(request: HttpRequest) -> HttpResponse:
    words = request.GET.get("q", "").strip()[:200]
    found = [hit for source in SOURCES for hit in source(me(request), words)] if words else []
    return render(request, "search.html", {"q": words, "found": found})
