"""What every page gets for its bar: the rooms in this person's words, what waits for them, and the theme."""

from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from lib.pages.theme import THEMES, theme
from people.models.persona import plain_words
from server.home import waiting

# The first part of an address, and the room in the bar that it belongs to.
ROOMS = {
    "": "home",
    **dict.fromkeys(("studies", "cases", "sessions", "insights"), "evidence"),
    **dict.fromkeys(("journeys", "personas"), "journeys"),
    "templates": "templates",
    **dict.fromkeys(("live", "runs"), "live"),
    **dict.fromkeys(("outcomes", "report", "council"), "outcomes"),
}


def rooms(words: dict[str, str]) -> list[tuple[str, str, str]]:
    """The bar, in the order of the thread and the same for everyone."""
    return [
        ("home", "/", "Home"),
        ("evidence", "/studies/", "Evidence"),
        ("journeys", "/journeys/", "Journeys"),
        ("templates", "/templates/", "Templates"),
        ("live", "/live/", words["live"]),
        ("outcomes", "/outcomes/", "Outcomes"),
    ]


def bar(request: HttpRequest) -> dict[str, Any]:
    # A page for an error may come before the middleware that knows who asks.
    user = request.user if hasattr(request, "user") and request.user.is_authenticated else None
    words = user.persona.says() if user and user.persona else plain_words()
    return {
        "words": words,
        "rooms": rooms(words),
        "room": ROOMS.get(request.path.split("/")[1]),
        "waiting_count": SimpleLazyObject(lambda: waiting.count(user)) if user else "",
        "theme": theme(request),
        "themes": THEMES,
    }
