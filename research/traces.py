"""What the observations say together: a trace for each case, and numbers for each activity.

Both leave out what may not be counted. Quotes come back as observations: read them through `quote_for`.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from statistics import median, quantiles
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

if TYPE_CHECKING:
    from research.models.observation import Observation, ObservationQuerySet


class TracedStep(NamedTuple):
    """One step somebody was seen to take."""

    activity: str  # the key in the persona's vocabulary
    start: int  # milliseconds since 1970
    end: int  # the same as start for a moment
    session: int
    observation: UUID
    participant: int


class Pain(NamedTuple):
    text: str
    people: int
    observations: list[UUID]


@dataclass
class ActivityNumbers:
    """All that was logged under one activity. Times are in milliseconds."""

    key: str
    name: str
    times: list[int] = field(default_factory=list)  # one for each time it was done
    waits: list[int] = field(default_factory=list)
    rework: int = 0  # times it was marked as done again
    repeats: list[int] = field(default_factory=list)  # for each case, how often it was done
    pains: list[Pain] = field(default_factory=list)
    quotes: list["Observation"] = field(default_factory=list)
    does: list["Observation"] = field(default_factory=list)
    people: int = 0
    observations: int = 0

    @property
    def median(self) -> float | None:
        return median(self.times) if self.times else None

    @property
    def p90(self) -> float | None:
        return percentile(self.times, 90)

    @property
    def median_wait(self) -> float | None:
        return median(self.waits) if self.waits else None

    @property
    def median_repeats(self) -> float | None:
        return median(self.repeats) if self.repeats else None


def percentile(values: list[int], which: int) -> float | None:
    """The percentile, interpolated between the two nearest values as spreadsheets do; of one value, that value."""
    if len(values) < 2:
        return float(values[0]) if values else None
    return quantiles(values, n=100, method="inclusive")[which - 1]


def inside(moment: TracedStep, steps: Iterable[TracedStep]) -> bool:
    """A note typed while its activity goes on is the same step, not another one."""
    return any(
        step.activity == moment.activity and step.start <= moment.start <= step.end and step.session == moment.session
        for step in steps
    )


def steps(rows: Iterable[TracedStep]) -> list[TracedStep]:
    """In order of start, end and name; moments within an interval of the same activity are part of it."""
    rows = list(rows)
    lasting = [row for row in rows if row.end > row.start]
    alone = [row for row in rows if row.end == row.start and not inside(row, lasting)]
    return sorted([*lasting, *alone], key=lambda row: (row.start, row.end, row.observation))


def traces(observations: "ObservationQuerySet") -> dict[int, list[TracedStep]]:
    """Case → what was seen of it, over all its sessions."""
    rows = observations.usable().filter(
        kind="does", source="seen", activity__isnull=False, case__isnull=False, case__removed_at=None,
        session__started_at__isnull=False,
    ).values_list(
        "case", "activity__key", "session__started_at", "at", "until", "session", "pk", "participant"
    )  # fmt: skip
    cases: dict[int, list[TracedStep]] = defaultdict(list)
    for case, activity, began, at, until, session, pk, participant in rows:
        assert began is not None
        zero = round(began.timestamp() * 1000)
        end = zero + (at if until is None else until)
        cases[case].append(TracedStep(activity, zero + at, end, session, pk, participant))
    return {case: steps(of_case) for case, of_case in sorted(cases.items())}


def pains(observations: list["Observation"]) -> list[Pain]:
    """The pains, most people first. Equal texts are one pain."""
    same_text: dict[str, list[Observation]] = defaultdict(list)
    for row in observations:
        if row.kind == "pain" and row.text.strip():
            same_text[row.text.strip().casefold()].append(row)
    listed = [Pain(same[0].text.strip(), len({row.participant_id for row in same}), [row.pk for row in same])
              for same in same_text.values()]  # fmt: skip
    return sorted(listed, key=lambda pain: (-pain.people, -len(pain.observations), pain.text))


def numbers(rows: list["Observation"], repeats: list[int]) -> ActivityNumbers:
    activity = rows[0].activity
    assert activity is not None
    return ActivityNumbers(
        key=activity.key,
        name=activity.name,
        times=[row.lasts for row in rows if row.kind == "does" and row.lasts],
        waits=[row.lasts for row in rows if row.kind == "waits" and row.lasts],
        rework=sum(row.kind == "rework" for row in rows),
        repeats=repeats,
        pains=pains(rows),
        quotes=[row for row in rows if row.quote and row.text],
        does=[row for row in rows if row.kind == "does" and row.text],
        people=len({row.participant_id for row in rows}),
        observations=len(rows),
    )


def by_activity(observations: "ObservationQuerySet") -> dict[str, ActivityNumbers]:
    """Activity key → its numbers, in the order of the vocabulary."""
    rows: dict[str, list[Observation]] = defaultdict(list)
    for observation in (
        observations.usable().filter(activity__isnull=False).for_reading().order_by("activity__position", "at")
    ):
        assert observation.activity is not None
        rows[observation.activity.key].append(observation)
    repeats: dict[str, list[int]] = defaultdict(list)
    for trace in traces(observations).values():
        for key, count in Counter(step.activity for step in trace).items():
            repeats[key].append(count)
    return {key: numbers(of_activity, repeats[key]) for key, of_activity in rows.items()}
