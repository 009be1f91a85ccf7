"""The thread through an object: its place between evidence and outcome.

Rooms do not import one another, so this module joins what each of them knows of an object.
"""

from collections.abc import Callable
from typing import Any, NotRequired, TypedDict

from research.models import Case, Insight, Observation, Session, Study

ROOMS = ["Evidence", "Journey", "Template", "Runs", "Outcome"]


class ThreadStep(TypedDict):
    """One control of the course."""

    room: str
    value: str
    url: NotRequired[str]
    here: NotRequired[bool]
    gap: NotRequired[bool]  # stale, or not walked yet: the line to the next one is dashed
    none: NotRequired[bool]  # there is nothing yet


# Each answers with the steps it knows for an object; a later one replaces an earlier one of the same room.
SOURCES: list[Callable[[Any], list[ThreadStep]]] = []


def through(thing: Any) -> list[ThreadStep]:
    known = {step["room"]: step for source in SOURCES for step in source(thing)}
    return [known.get(room, ThreadStep(room=room, value="not yet", none=True, gap=True)) for room in ROOMS]


def evidence(thing: Any) -> list[ThreadStep]:
    """The evidence of an object: how many observations, of how many people."""
    if isinstance(thing, Insight):
        logged = thing.evidence_rows()
    elif isinstance(thing, Study):
        logged = Observation.objects.of_study(thing).usable()
    elif isinstance(thing, Session | Case):
        logged = Observation.objects.filter(**{thing._meta.model_name or "": thing}).usable()
    else:
        return []
    count = logged.count()
    people = logged.order_by().values("participant").distinct().count()
    words = f"{count:,} observation{'' if count == 1 else 's'}, {people} {'person' if people == 1 else 'people'}"
    return [ThreadStep(room="Evidence", value=words, here=True, gap=True)]


SOURCES.append(evidence)
