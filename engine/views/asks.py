"""What a run asks of people, with everything a person needs to answer, or the reason why they may not."""

from __future__ import annotations

from dataclasses import dataclass

from django import forms

from engine.forms import AnswerForm, TellForm, VoteForm
from engine.models import Run, StepRun
from engine.models.step import Vote
from engine.views import wording
from engine.views.step_list import totals_of
from people.access import can
from people.models import User

MOST_CARDS = 12  # on a page
VERBS = {"approve": "Approve", "confirm": "By hand", "decide": "Decide"}


@dataclass(frozen=True)
class Ask:
    row: StepRun
    where: str  # “table 3 of 12: rows.csv”, inside a foreach
    kind: str  # the word on its chip
    whom: str
    why_not: str  # why this person may not answer; empty when they may, or when `whom` says it all
    form: forms.Form | None
    tell: TellForm | None  # for those who may say that an awaited event has come
    votes: list[Vote]
    quorum: int
    deadline: wording.Deadline | None
    ways: list[tuple[str, str]]

    @property
    def yeses(self) -> int:
        return sum(vote.approve for vote in self.votes)

    @property
    def key(self) -> str:
        """Changes when the card has to be drawn again."""
        return f"{self.row.pk}.{self.row.attempt}.{len(self.votes)}"


def asked(run: Run) -> tuple[list[StepRun], int]:
    """The first that ask, and how many more do."""
    waiting = run.waiting_steps().select_related("block").order_by("asked_at", "pk")
    first = list(waiting.defer("checkpoint", "outputs")[: MOST_CARDS + 1])
    return first[:MOST_CARDS], max(0, waiting.count() - MOST_CARDS) if len(first) > MOST_CARDS else 0


def asks_of(run: Run, user: User, filled: forms.Form | None = None) -> tuple[list[Ask], int]:
    """The first that ask, and how many more do. `filled`: what this person typed that cannot be taken yet; it is shown
    again with what is wrong.
    """
    (rows, more), may_tell = asked(run), can(user, "change", run)
    totals = totals_of(run, rows)
    votes = list(Vote.objects.filter(step__in=rows).select_related("user"))
    asks = [
        _ask(
            row,
            user,
            _where(run, row, totals),
            [v for v in votes if v.step_id == row.pk and v.attempt == row.attempt],
            may_tell,
            filled,
        )
        for row in rows
    ]
    return asks, more


def _where(run: Run, row: StepRun, totals: wording.Totals) -> str:
    """Which item it is about, by its number and, where it is short, by itself."""
    where = wording.place(run.flow, row, totals)
    item = row.block.item if row.block else None
    short = str(item) if isinstance(item, str | int | float) and len(str(item)) <= 60 else ""
    return f"{where}: {short}" if where and short else where


def _ask(row: StepRun, user: User, where: str, votes: list[Vote], may_tell: bool, filled: forms.Form | None) -> Ask:
    asks = row.asks
    assert asks  # only rows that ask something come here
    waits_for_nobody = asks.by == ("nobody",)
    mine = filled if getattr(filled, "step", None) == row else None
    why_not = _why_not(row, user, votes)
    return Ask(
        row, where, "Event" if waits_for_nobody else VERBS[asks.verb], wording.whom(asks.by), why_not,
        form=None if why_not or waits_for_nobody else _form(row, mine),
        tell=_tell(row, mine) if may_tell and asks.needs.events else None,
        votes=votes, quorum=asks.needs.quorum, deadline=wording.deadline(row), ways=wording.ways(row),
    )  # fmt: skip


def _why_not(row: StepRun, user: User, votes: list[Vote]) -> str:
    if mine := next((vote for vote in votes if vote.user_id == user.pk), None):
        return f"You said {'yes' if mine.approve else 'no'}."
    why = row.why_not(user)
    return "That is not you." if why.startswith("This waits for ") else why


def _form(row: StepRun, filled: forms.Form | None) -> forms.Form:
    if isinstance(filled, AnswerForm | VoteForm):
        return filled
    return VoteForm() if row.asks and row.asks.verb == "approve" else AnswerForm(step=row)


def _tell(row: StepRun, filled: forms.Form | None) -> TellForm:
    return filled if isinstance(filled, TellForm) else TellForm(step=row, prefix=f"tell-{row.pk}")
