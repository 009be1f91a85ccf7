"""Pages of long lists: the next page starts after the last row of this one; nothing is counted."""

from __future__ import annotations

from typing import TypeVar

from django.db.models import Model, QuerySet
from django.http import HttpRequest

from people.models import User

M = TypeVar("M", bound=Model)


def number_in(request: HttpRequest, name: str) -> int:
    """A row's number in the address; 0 where there is none."""
    text = request.GET.get(name, "")
    return int(text) if text.isdecimal() and len(text) < 18 else 0


def newest(rows: QuerySet[M], user: User, size: int) -> list[M]:
    """The newest rows, at most `size`. Queried team by team, because over several teams a database sorts all rows."""
    teams = set(user.memberships.values_list("team", flat=True))
    pks = [
        pk
        for team in teams
        for pk in rows.filter(team=team).select_related(None).order_by("-pk").values_list("pk", flat=True)[:size]
    ]
    return list(rows.filter(pk__in=sorted(pks, reverse=True)[:size]).order_by("-pk"))
