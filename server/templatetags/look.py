"""Tags and filters of the components. Built in: no page has to load them."""

from collections.abc import Mapping
from typing import Any

from django import template
from django.contrib.messages.storage.base import Message
from django.utils.html import format_html
from django.utils.safestring import SafeString

from lib.statistics import FEW
from server.home import thread as course

register = template.Library()
MOST_PIPS = 9  # beyond this nobody counts dots


@register.simple_tag
def pips(people: Any, of: Any = 0) -> SafeString:
    """A full dot for each person who was seen, a hollow one for each who was not."""
    people, of = int(people or 0), int(of or 0)
    total = max(people, of)
    if total > MOST_PIPS:
        return format_html("{}/{} ", people, total) if of else format_html("{} ", people)
    return SafeString("<i></i>" * people + '<i class="o"></i>' * (total - people))


def place(number: float, start: float, end: float) -> float:
    """Where a number lies on an axis of 120, kept on it."""
    share = (number - start) / (end - start) if end > start else 0.5
    return round(min(max(share, 0), 1) * 120, 1)


def plain(number: float) -> str:
    return f"{number:.3g}".replace("-", "−")


@register.simple_tag
def interval(value: Any, low: Any, high: Any, start: Any, end: Any, n: Any = None) -> Mapping[str, Any]:
    """A dot on its interval; in words where there is too little to draw."""
    if value is None:
        return {"few": "nothing measured yet"}
    if low is None or high is None or (n is not None and int(n) < FEW):
        return {"few": f"{plain(value)} so far; too few to say{'' if n is None else f' (n {n})'}"}
    return {
        "value": place(value, start, end),
        "low": place(low, start, end),
        "high": place(high, start, end),
        "zero": place(0, start, end) if start < 0 < end else None,
        "text": plain(value),
        "words": f"{plain(value)}, between {plain(low)} and {plain(high)}",
    }


@register.filter
def clock(milliseconds: int | None) -> str:
    """A moment of a session: 00:41:12."""
    if milliseconds is None:
        return ""
    seconds = int(milliseconds) // 1000
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"


@register.filter
def took(milliseconds: float | None) -> str:
    """How long something took, in the two largest units: 1 d 3 h, 52 min, 4 s."""
    if milliseconds is None:
        return "–"
    seconds = round(milliseconds / 1000)
    if seconds < 1:
        return f"{round(milliseconds)} ms" if milliseconds else "0 s"
    units = [("d", seconds // 86400), ("h", seconds // 3600 % 24), ("min", seconds // 60 % 60), ("s", seconds % 60)]
    first = next(place for place, (_, count) in enumerate(units) if count)
    shown = (
        units[first : first + 2] if units[first][0] in ("d", "h") or units[first][1] < 5 else units[first : first + 1]
    )
    return " ".join(f"{count} {unit}" for unit, count in shown if count)


@register.filter
def inside(words: str) -> str:
    """A name inside a sentence: “app developers”, but “ML engineers”."""
    return words if words[1:2].isupper() else f"{words[:1].lower()}{words[1:]}"


@register.filter
def undo_url(message: Message) -> str:
    """The way back that `lib.pages.toasts.say` put on a message."""
    return next((tag[5:] for tag in (message.extra_tags or "").split() if tag.startswith("undo:")), "")


@register.filter
def columns(heads: str) -> list[tuple[str, str]]:
    """The heads of a table: "Run|#Took|(More)" is a text, the head of numbers, and one that only screen readers get."""
    kinds = {"#": "number", "(": "hidden"}
    return [(head.strip("()" if head[:1] == "(" else "#"), kinds.get(head[:1], "")) for head in heads.split("|")]


@register.simple_tag
def thread(thing: Any) -> list[course.ThreadStep]:
    """The thread through this object, for `<c-thread>`."""
    return course.through(thing)


@register.filter
def lasts(step: Any) -> int:
    """From the start to the end of anything that has both."""
    return int(step.end - step.start)
