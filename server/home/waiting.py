"""What waits for a person. Each room adds a source; the bar shows the count and /waiting/ the list."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from people.access import me
from people.models import User


@dataclass(frozen=True)
class Waiting:
    """One thing that does not go on until this person acts."""

    kind: str  # "Approve", "Do", "Sign off": the word on its chip
    title: str
    url: str
    since: datetime
    asked_by: str = ""
    details: str = ""
    deadline: datetime | None = None
    otherwise: str = ""  # what happens at the deadline
    mine: bool = True  # False: it waits for something to happen, and this person may say that it has


Source = Callable[[User], Iterable[Waiting]]
SOURCES: list[Source] = []
MOST_OF_SOURCE = 300  # of one source: nobody answers more, and the bar counts them on every page


def for_user(user: User, *, mine: bool = True) -> list[Waiting]:
    """What waits for this person, the most urgent first, then the oldest; without `mine`, what waits for an event."""
    items = [item for source in SOURCES for item in source(user) if item.mine == mine]
    return sorted(items, key=lambda item: (item.deadline is None, item.deadline or item.since, item.since))


def count(user: User) -> str:
    """How many things wait for this person, for the bar; empty for none."""
    number = len(for_user(user))
    return f"{MOST_OF_SOURCE}+" if number >= MOST_OF_SOURCE else str(number or "")


@login_required
def page(request: HttpRequest) -> HttpResponse:
    return render(
        request, "waiting.html", {"waiting": for_user(me(request)), "events": for_user(me(request), mine=False)}
    )
