"""The steps of a run as a page lists them: grouped by leaf inside a foreach, and at most a page of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode

from django.db.models import Case, Count, F, IntegerField, Max, Q, QuerySet, Value, When, Window
from django.db.models.functions import RowNumber
from django.urls import reverse

from engine.models import Block, Run, StepRun
from engine.statuses import MARKS, StepState
from engine.views import wording
from engine.views.watched import Watched

MOST_DRAWN = 150  # leaves; a larger drawing is unreadable
MOST_OF_ONE = 50  # rows of one leaf on the run's page
MOST_ROWS = 100  # rows on the run's page
ON_A_PAGE = 100  # of the list of all

LISTED = Q(purpose__in=(StepRun.Purpose.LEAF, StepRun.Purpose.COMPENSATE)) | Q(asking__isnull=False)
LISTED |= Q(state=StepState.FAILED)  # a question or a repair that failed
# What a person looks for first.
URGENCY = Case(
    When(state=StepState.FAILED, then=Value(0)), When(asking__isnull=False, then=Value(1)),
    When(state=StepState.RUNNING, then=Value(2)), When(state=StepState.WAITING, then=Value(3)),
    When(state=StepState.READY, then=Value(4)), default=Value(5), output_field=IntegerField(),
)  # fmt: skip
# Of what is still going on the oldest first, of what is over the newest.
AGE = Case(When(ended_at__isnull=True, then=F("pk")), default=-F("pk"), output_field=IntegerField())
HEAVY = ("checkpoint", "outputs", "answer")


@dataclass
class Tally:
    """How many steps of each leaf are in each state, and the newest of each. One query, however large the run."""

    of: dict[str, dict[str, int]] = field(default_factory=dict)
    newest: dict[str, int] = field(default_factory=dict)

    def total(self, leaf: str) -> int:
        return sum(self.of.get(leaf, {}).values())

    @property
    def states(self) -> dict[str, int]:
        """{state: how many steps}."""
        return {s: n for s in StepState.values if (n := sum(counts.get(s, 0) for counts in self.of.values()))}

    @property
    def all(self) -> int:
        return sum(self.states.values())


def tally(run: Run) -> Tally:
    counts = Tally()
    leaves = run.steps.filter(purpose=StepRun.Purpose.LEAF).order_by()
    for leaf, state, count, newest in leaves.values_list("leaf", "state").annotate(Count("pk"), Max("pk")):
        counts.of.setdefault(leaf, {})[state] = count
        counts.newest[leaf] = max(newest, counts.newest.get(leaf, 0))
    return counts


@dataclass(frozen=True)
class Line:
    """One row of the table."""

    row: StepRun
    title: str
    where: str  # “item 3 of 12”
    word: str
    mark: str
    says: str
    watched: Watched | None = None


@dataclass(frozen=True)
class LeafGroup:
    """Rows that belong together, and how many more there are of them."""

    lines: list[Line]
    more: int = 0
    href: str = ""


def address(run: Run, **filters: str) -> str:
    query = urlencode({key: value for key, value in filters.items() if value})
    return reverse("run-steps", args=[run.pk]) + (f"?{query}" if query else "")


def chosen(run: Run) -> list[StepRun]:
    """The rows on the run's page: at most `MOST_OF_ONE` of a leaf; failed and live ones first, then the newest."""
    leaf = Window(RowNumber(), partition_by=[F("leaf"), F("purpose")], order_by=[URGENCY.asc(), AGE.asc()])
    few = run.steps.filter(LISTED).annotate(of_leaf=leaf, urgency=URGENCY, age=AGE).filter(of_leaf__lte=MOST_OF_ONE)
    pks = few.order_by("urgency", "age").values_list("pk", flat=True)[:MOST_ROWS]
    return list(run.steps.filter(pk__in=list(pks)).defer(*HEAVY))


def totals_of(run: Run, rows: Iterable[StepRun]) -> dict[tuple[str, str], int]:
    """How many items each foreach around these rows has."""
    if not any(wording.in_foreach(run.flow, row.path) for row in rows):
        return {}
    blocks = Block.objects.filter(run=run, total__isnull=False).values_list("path", "iteration", "total")
    return {(path, iteration): total or 0 for path, iteration, total in blocks}


def lines(run: Run, rows: list[StepRun], watched: Mapping[str, Watched]) -> list[Line]:
    totals, limits = totals_of(run, rows), wording.queues_of(rows)
    return [
        Line(
            row, wording.title(row), wording.place(run.flow, row, totals), wording.word(row), wording.mark(row, MARKS),
            wording.says(row, limits), watched.get(row.leaf),
        )
        for row in rows
    ]  # fmt: skip


def groups(run: Run, counted: Tally, watched: Mapping[str, Watched]) -> list[LeafGroup]:
    """In the order the steps were begun; all items of a leaf together."""
    together: dict[object, list[Line]] = {}
    for line in lines(run, chosen(run), watched):
        row = line.row
        key: object = (row.leaf, row.purpose) if wording.in_foreach(run.flow, row.path) else row.pk
        together.setdefault(key, []).append(line)
    return [_group(run, leaf_lines, counted) for leaf_lines in together.values()]


def _group(run: Run, leaf_lines: list[Line], counted: Tally) -> LeafGroup:
    first = leaf_lines[0].row
    many = first.purpose == StepRun.Purpose.LEAF and wording.in_foreach(run.flow, first.path)
    leaf_lines.sort(key=lambda line: [int(part) for part in line.row.iteration.split(".") if part])
    more = counted.total(first.leaf) - len(leaf_lines) if many else 0
    return LeafGroup(leaf_lines, more, address(run, step=first.leaf) if more > 0 else "")


# --- the list of all -------------------------------------------------------------------------------------------------


def page_of(run: Run, step: str, state: str, after: int) -> tuple[list[StepRun], int]:
    """A page of all steps in the order they were begun, and where the next one starts (0: nowhere)."""
    rows: QuerySet[StepRun] = run.steps.filter(LISTED, pk__gt=after).order_by("pk").defer(*HEAVY)
    if step:
        rows = rows.filter(leaf=step)
    if state == "asking":
        rows = rows.filter(asking__isnull=False, state=StepState.WAITING)
    elif state in StepState.values:
        rows = rows.filter(state=state)
    steps = list(rows[: ON_A_PAGE + 1])
    return steps[:ON_A_PAGE], steps[ON_A_PAGE - 1].pk if len(steps) > ON_A_PAGE else 0
