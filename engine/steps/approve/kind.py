"""approve: asks people for a yes; one no refuses."""

from typing import Any, Literal

from django.utils import timezone
from pydantic import Field

from engine.outcomes import Asking, Failed, Needs, Outcome, Skipped, Succeeded, groups_of
from engine.steps.base import Form, Planning, Step, StepKind
from engine.targets.base import Change


class ApproveForm(Form):
    by: str | list[str] = Field("champion", description="who may vote: champion, team, a role, a user name, or several")
    quorum: int = Field(1, ge=1, le=20, description="how many yeses it takes")
    question: str = Field("", description="what they are asked; without it, the step's title")
    deadline: float | None = Field(None, gt=0, description="seconds within which it is answered")
    on_deadline: Literal["fail", "approve", "skip"] = Field("fail", description="what happens when it is not")
    second_person: bool = Field(False, description="whoever started the run may not vote")


class Approve(StepKind):
    name = "approve"
    form = ApproveForm
    outputs = {"approved_by": "text", "comment": "text"}

    def run(self, step: Step[ApproveForm]) -> Outcome:
        votes = list(step.row.votes.filter(attempt=step.row.attempt).select_related("user"))
        for vote in votes:
            if not vote.approve:
                why = f": {vote.comment}" if vote.comment else ""
                return Failed(f"{vote.user.name} refused{why}")
        if len(votes) >= step.form.quorum:
            names = ", ".join(vote.user.name for vote in votes)
            comment = "; ".join(vote.comment for vote in votes if vote.comment)
            return Succeeded({"approved_by": names, "comment": comment}, f"approved by {names}")
        return self._late(step, len(votes)) or self._ask(step, len(votes))

    def _ask(self, step: Step[ApproveForm], votes: int) -> Asking:
        form = step.form
        more = f" ({votes} of {form.quorum} so far)" if form.quorum > 1 else ""
        barred = (step.run.started_by.username,) if form.second_person and step.run.started_by else ()
        needs = Needs(quorum=form.quorum, barred=barred, on_deadline=form.on_deadline if form.deadline else "")
        question = (form.question or f"{step.leaf.name}?") + more
        return Asking(question, groups_of(form.by, "champion"), "approve", needs, self._until(step))

    def _until(self, step: Step[ApproveForm]) -> float | None:
        asked = step.row.asked_at or timezone.now()
        return asked.timestamp() + step.form.deadline if step.form.deadline else None

    def _late(self, step: Step[ApproveForm], votes: int) -> Outcome | None:
        """What happens when nobody has answered in time."""
        until = self._until(step)
        if until is None or timezone.now().timestamp() < until:
            return None
        reason = f"{votes} of {step.form.quorum} had said yes when the time was up"
        match step.form.on_deadline:
            case "approve":
                return Succeeded({"approved_by": "", "comment": reason}, f"counts as approved: {reason}")
            case "skip":
                return Skipped(reason)
            case _:
                return Failed(f"{reason}.")

    def plan(self, planning: Planning[Any]) -> list[Change]:
        who = " or ".join(groups_of(planning.values.get("by"), "champion"))
        return [Change("ask", planning.values.get("question") or planning.leaf.name, f"{who} approves")]


KIND = Approve()
