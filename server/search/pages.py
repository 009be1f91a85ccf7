"""Pages that are no rows: the rooms, settings, step kinds and help. `PAGES` lists who says which there are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache

from django.urls import reverse

from engine.steps import registry
from lib.searching import tokens
from people.models import User
from server.help.documents import GROUPS


@dataclass(frozen=True)
class Page:
    """One page by its title and address, found by those and by `text`."""

    title: str
    url: str
    about: str = ""
    text: str = ""


def rooms(user: User) -> Iterable[Page]:
    live = user.persona.says()["live"] if user.persona else "Live"
    return (
        Page("Home", "/", "where you begin, and what waits for you"),
        Page("Studies", "/studies/", "studies, sessions and what was seen", "evidence"),
        Page("Insights", "/insights/", "what several observations say together"),
        Page("Journeys", "/journeys/", "how a job is done, and how it should be", "maps"),
        Page("Templates", "/templates/", "the workflows that can be started"),
        Page(live, "/live/", "what is live now"),
        Page("Runs", "/runs/", "what ran and what is running"),
        Page("Outcomes", "/outcomes/", "what came of it"),
        Page("Waiting", "/waiting/", "what waits for you"),
        Page("Audit", "/audit/", "who did what, and when", "history events log"),
        Page("New", "/new/", "begin with what you have", "start upload"),
    )


def settings(user: User) -> Iterable[Page]:
    return (
        Page("Settings", "/settings/", "your name, persona and theme", "profile language dark light email account"),
        Page("Tokens", "/settings/", "for the terminal and for scripts", "settings api key login cli"),
        Page("Teams", "/settings/", "the teams you are on", "settings members invitations roles"),
        Page("Example", "/settings/example/", "bring or remove the example", "settings demo"),
        Page("Password", "/accounts/password/change/", "change your password", "settings account"),
    )


def kinds(user: User) -> Iterable[Page]:
    found = [Page("Step kinds", reverse("kinds"), "what a step of a template can be", "reference settings outputs")]
    for name, kind in sorted(registry().items()):
        words = kind.says(user.persona)
        found.append(Page(words["title"], reverse("kind", args=[name]), f"Step kind · {words['does']}", name))
    return found


def help_(user: User) -> Iterable[Page]:
    return _documents()


@cache
def _documents() -> tuple[Page, ...]:
    found = [Page("Help", "/help/", "tutorials and reference", "documentation manual")]
    for group in GROUPS.values():
        for document in group:
            headings = " ".join(heading.text for heading in document.page.headings)
            found.append(Page(document.page.title, document.url, f"Help · {document.about}", headings))
    return tuple(found)


# In the order in which they are shown.
PAGES: list[Callable[[User], Iterable[Page]]] = [rooms, settings, kinds, help_]


def found(user: User, asked: Sequence[tuple[list[str], bool]]) -> list[Page]:
    """The pages that say every word asked for; those whose title does come first."""
    every = [page for pages in PAGES for page in pages(user)]
    hits = [page for page in every if _says(_tokens(f"{page.title} {page.about} {page.text}"), asked)]
    return sorted(hits, key=lambda page: not _says(_tokens(page.title), asked))


@cache
def _tokens(text: str) -> tuple[str, ...]:
    return tuple(tokens(text))


def _says(said: Sequence[str], asked: Sequence[tuple[list[str], bool]]) -> bool:
    return all(any(_at(said[start:], phrase, more) for start in range(len(said))) for phrase, more in asked)


def _at(said: Sequence[str], phrase: list[str], more: bool) -> bool:
    *before, last = phrase
    if len(said) < len(phrase) or list(said[: len(before)]) != before:
        return False
    return said[len(before)].startswith(last) if more else said[len(before)] == last
