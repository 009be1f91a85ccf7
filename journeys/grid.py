"""A map as a page shows it: lanes down, steps across, each cell with what its evidence says to this reader."""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING

from engine.definition.drawing import Mark, course
from engine.models import Revision
from engine.views.watched import Watched
from journeys.models import LANES, Cell, Journey, JourneyMap, Lane, MapStep, Origin, StepEvidence
from lib import durations
from research.models import Observation
from research.reading import Quote, Reading
from research.traces import percentile

if TYPE_CHECKING:
    from people.models import User

MOST_IN_CELL = 2  # quotes or pains in a cell; the rest is one click away


@dataclass(frozen=True)
class PainSeen:
    text: str
    people: int


@dataclass
class ShownCell:
    """`text` is the champion's; where it is empty the evidence speaks. `none`: neither."""

    cell: Cell
    lane: Lane
    unseen: bool = False  # nobody was seen doing this step: what stands here is assumed
    text: str = ""
    aside: str = ""  # beside the figure: how it spreads
    quotes: list[Quote] = field(default_factory=list)
    pains: list[PainSeen] = field(default_factory=list)
    more: int = 0

    @property
    def none(self) -> bool:
        return not (self.text or self.aside or self.quotes or self.pains)


@dataclass
class ShownStep:
    step: MapStep
    cells: list[ShownCell]
    watched: Watched
    uses: str = ""

    @property
    def people(self) -> int:
        return self.watched.people

    @property
    def observations(self) -> int:
        return self.watched.count


@dataclass(frozen=True)
class Grid:
    map: JourneyMap
    steps: list[ShownStep]
    of: int  # participants of the persona
    drawing: str

    @property
    def lanes(self) -> list[tuple[Lane, list[ShownCell]]]:
        return [(lane, [step.cells[i] for step in self.steps]) for i, lane in enumerate(LANES)]


def grid_of(map_: JourneyMap, user: User) -> Grid:
    """Everything a map's page shows, for one reader, in a handful of queries."""
    reading = Reading(user)
    of = _participants(map_.journey)
    steps = list(map_.steps.select_related("stage").prefetch_related("cells"))
    by_step = _evidence(steps)
    tree = map_.tree()
    shown = [
        _step(step, by_step[step.pk], reading, of, tree.leaf(step.key).uses)
        for step in steps
        if step.key in tree.leaf_paths
    ]
    marks = {
        s.step.key: Mark(
            people=s.people,
            of=of,
            count=s.observations,
            note=s.watched.took,
            href=f"#step-{s.step.pk}",
            dashed=not s.people,
        )
        for s in shown
    }
    return Grid(map_, shown, of, course(tree.root, marks, title=str(map_)))


def _participants(journey: Journey) -> int:
    return journey.study.participants.filter(persona=journey.persona).count() if journey.study else 0


def watched_of(revision: Revision) -> dict[str, Watched]:
    """For each leaf of a revision that came from a map: who was seen doing it, and how long it took them."""
    origins = list(Origin.objects.filter(revision=revision).select_related("step__map__journey__study"))
    rows = _evidence([origin.step for origin in origins])
    of = _participants(origins[0].step.map.journey) if origins else 0
    watched = {origin.leaf: rows[origin.step_id] for origin in origins}
    return {leaf: _watched(rows, of) for leaf, rows in watched.items()}


def _watched(rows: list[Observation], of: int) -> Watched:
    return Watched(_people(rows), of, len(rows), took(rows), _seconds(rows))


def _people(rows: list[Observation]) -> int:
    return len({row.participant_id for row in rows})


def _evidence(steps: list[MapStep]) -> dict[int, list[Observation]]:
    """The usable observations of every step, with all that reading them asks for."""
    through = StepEvidence.objects.filter(step__in=steps).values_list("step", "observation")
    usable = {o.pk: o for o in Observation.objects.usable().filter(map_steps__in=steps).distinct().for_reading()}
    evidence: dict[int, list[Observation]] = {step.pk: [] for step in steps}
    for step, observation in through:
        if observation in usable:
            evidence[step].append(usable[observation])
    for rows in evidence.values():
        rows.sort(key=lambda o: (not o.marked, o.session_id, o.at))
    return evidence


def _step(step: MapStep, rows: list[Observation], reading: Reading, of: int, uses: str) -> ShownStep:
    cells = {cell.lane: cell for cell in step.cells.all()}
    shown = [_cell(cells[lane], lane, rows, reading) for lane in LANES]
    return ShownStep(step, shown, _watched(rows, of), uses)


def _cell(cell: Cell, lane: Lane, rows: list[Observation], reading: Reading) -> ShownCell:
    shown = ShownCell(cell, lane, not rows, cell.text)
    if lane == Lane.SAYS:
        quotes = [q for row in rows if row.quote and (q := reading.quote(row))]
        shown.quotes, shown.more = quotes[:MOST_IN_CELL], max(0, len(quotes) - MOST_IN_CELL)
    elif lane == Lane.PAIN:
        pains = _pains([row for row in rows if row.kind == "pain" and reading.quote(row).readable])
        shown.pains, shown.more = pains[:MOST_IN_CELL], max(0, len(pains) - MOST_IN_CELL)
    elif lane == Lane.DOES and not cell.text:
        shown.text = _does(rows, reading)
    elif not cell.text:
        shown.text, shown.aside = _time(rows) if lane == Lane.TIME else _repeats(rows)
    return shown


def _does(rows: list[Observation], reading: Reading) -> str:
    quotes = (reading.quote(row).text for row in rows if row.kind == "does" and row.text)
    return next((text for text in quotes if text), "")


def _seconds(rows: list[Observation]) -> tuple[float, ...]:
    """The durations of all timed observations."""
    return tuple(row.lasts / 1000 for row in rows if row.kind == "does" and row.lasts)


def took(rows: list[Observation]) -> str:
    """The median of how long it took, in words; "" where no interval was seen."""
    times = _seconds(rows)
    return durations.in_words(median(times)) if times else ""


def _time(rows: list[Observation]) -> tuple[str, str]:
    """The median duration, and beside it the 90th percentile and the waiting time."""
    times = [row.lasts for row in rows if row.kind == "does" and row.lasts]
    waits = [row.lasts for row in rows if row.kind == "waits" and row.lasts]
    beside = [f"p90 {durations.in_words((percentile(times, 90) or 0) / 1000)}"] if len(times) > 1 else []
    beside += [f"waits {durations.in_words(median(waits) / 1000)}"] if waits else []
    return durations.in_words(median(times) / 1000) if times else "", " · ".join(beside)


def _repeats(rows: list[Observation]) -> tuple[str, str]:
    cases: dict[int | None, int] = {}
    for row in rows:
        if row.kind in ("does", "rework"):
            cases[row.case_id] = cases.get(row.case_id, 0) + 1
    if not cases:
        return "", ""
    usual, most = median(cases.values()), max(cases.values())
    return f"{usual:g}×", f"at most {most}×" if most > usual else ""


def _pains(rows: list[Observation]) -> list[PainSeen]:
    people: dict[str, set[int]] = {}
    for row in rows:
        people.setdefault(row.text.strip(), set()).add(row.participant_id)
    return [PainSeen(text, len(who)) for text, who in sorted(people.items(), key=lambda item: (-len(item[1]), item[0]))]
