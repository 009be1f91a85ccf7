"""Home: a block for each thing this person does here. A room gives its block; this view stacks them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from people.access import me
from people.models import User


@dataclass(frozen=True)
class HomeBlock:
    """One part of Home: a template and what it shows."""

    template: str
    context: dict[str, Any] = field(default_factory=dict)


# In the order they are stacked. Each answers None for somebody it is not for.
BLOCKS: list[Callable[[User], HomeBlock | None]] = []


@dataclass(frozen=True)
class Beginning:
    """One way to begin: what the person has, what happens with it, and the address."""

    title: str
    about: str
    url: str
    action: str
    theirs: bool = False  # another persona's, in their words


BEGINNINGS: list[Callable[[User], list[Beginning]]] = []


@login_required
def new(request: HttpRequest) -> HttpResponse:
    """/new/: what have you got?"""
    every = [way for make in BEGINNINGS for way in make(me(request))]
    context = {"beginnings": [way for way in every if not way.theirs], "others": [way for way in every if way.theirs]}
    return render(request, "new.html", context)


@login_required
def home(request: HttpRequest) -> HttpResponse:
    blocks = [block for make in BLOCKS if (block := make(me(request)))]
    return render(request, "home.html", {"blocks": blocks})
