"""/journeys/J/compare/: the same job done by several personas, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from engine.definition.document import from_document
from engine.definition.flow import Leaf
from engine.steps import registry
from engine.steps.base import FOR_ANYTHING, PURPOSES
from journeys.comparison import AlignedRow, Columns, ComparedStep, align, match
from journeys.grid import ShownStep, grid_of
from journeys.models import Journey, JourneyMap
from people.access import fetch, me, visible
from people.models import User

MOST_COMPARED = 3  # side by side; more nobody compares


@dataclass(frozen=True)
class Way:
    """One persona's way: the map that is compared, its steps and what done means there."""

    journey: Journey
    map: JourneyMap
    steps: list[ShownStep]  # in the flow's order
    done: list[Leaf]  # of the ideal map's template; else the persona's own lines

    @property
    def have(self) -> str:
        return self.journey.persona.says()["have"]


@dataclass(frozen=True)
class Beside:
    """One row: what it is for, where that is shared, and what stands there in each column."""

    shared: bool
    purpose: str
    cells: list[tuple[str, ShownStep | Leaf | None]]  # under whose name


@login_required
def compare(request: HttpRequest, slug: str) -> HttpResponse:
    journey = fetch(me(request), Journey.objects.select_related("persona", "study"), slug=slug)
    others = _others(journey, me(request))
    asked = [other for other in others if other.slug in request.GET.getlist("with")]
    chosen = (asked or _one_of_each(others))[: MOST_COMPARED - 1]
    ways = [_way(compared, me(request)) for compared in [journey, *chosen] if compared.maps.exists()]
    rows = _steps(ways)
    context = {
        "journey": journey,
        "drawn": journey.maps.exists(),
        "others": [(other, other in chosen) for other in others],
        "ways": ways,
        "rows": rows,
        "shared": sum(row.shared for row in rows),
        "alone": [(way, _alone(rows, column)) for column, way in enumerate(ways)],
        "done": _done(ways),
    }
    return render(request, "journeys/compare.html", context)


def _others(journey: Journey, user: User) -> list[Journey]:
    """Other personas' journeys of which there is a map."""
    rows = visible(user, Journey).exclude(persona=journey.persona).filter(maps__isnull=False)
    return list(rows.select_related("persona", "study").distinct())


def _one_of_each(journeys: list[Journey]) -> list[Journey]:
    return list({journey.persona_id: journey for journey in reversed(journeys)}.values())[::-1]


def _way(journey: Journey, user: User) -> Way:
    """The ideal map; the current one as long as there is no ideal."""
    map_ = journey.ideal or journey.current
    assert map_ is not None
    order = list(map_.tree().leaf_paths)
    steps = sorted(grid_of(map_, user).steps, key=lambda shown: order.index(shown.step.key))
    return Way(journey, map_, steps, _criteria(map_))


def _criteria(map_: JourneyMap) -> list[Leaf]:
    written = [leaf for leaf in (from_document(document) for document in map_.done) if isinstance(leaf, Leaf)]
    return written or [Leaf(id=line, title=line) for line in map_.journey.persona.done_criteria]


def _stop(title: str, uses: str) -> ComparedStep:
    kind = registry().get(uses)
    return ComparedStep(kind.purpose if kind and kind.purpose not in FOR_ANYTHING else "", title)


def _steps(ways: list[Way]) -> list[Beside]:
    columns = [[_stop(shown.step.title, shown.uses) for shown in way.steps] for way in ways]
    return [_beside(row, ways, columns, [way.steps for way in ways]) for row in align(columns)]


def _done(ways: list[Way]) -> list[Beside]:
    columns = [[_stop(leaf.name, leaf.uses) for leaf in way.done] for way in ways]
    return [_beside(row, ways, columns, [way.done for way in ways]) for row in match(columns)]


def _beside(row: AlignedRow, ways: list[Way], columns: Columns, shown: Sequence[Sequence[ShownStep | Leaf]]) -> Beside:
    stops = [column[place] for column, place in zip(columns, row.places, strict=True) if place is not None]
    purposes = {stop.purpose for stop in stops}
    purpose = PURPOSES.get(purposes.pop(), "") if len(purposes) == 1 else ""
    plurals = [way.journey.persona.plural for way in ways]
    steps = [None if place is None else column[place] for column, place in zip(shown, row.places, strict=True)]
    return Beside(row.shared, purpose or "called the same", list(zip(plurals, steps, strict=True)))


def _alone(rows: list[Beside], column: int) -> int:
    """How many steps stand in this column alone."""
    return sum(not row.shared and row.cells[column][1] is not None for row in rows)
