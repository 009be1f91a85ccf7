"""approve: asks people for a yes; one no refuses."""

from typing import Any

from pydantic import Field

from engine.outcomes import Asking, Failed, Outcome, Succeeded
from engine.steps.base import Form, Planning, Step, StepKind
from engine.targets.base import Change


class ApproveForm(Form):
    by: str = Field("champion", description="who may vote: champion, team or a user name")
    quorum: int = Field(1, ge=1, le=20, description="how many yeses it takes")
    question: str = Field("", description="what they are asked; without it, the step's title")


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
        more = f" ({len(votes)} of {step.form.quorum} so far)" if step.form.quorum > 1 else ""
        question = (step.form.question or f"{step.leaf.name}?") + more
        return Asking(question, by=step.form.by, verb="approve", needs={"quorum": step.form.quorum})

    def plan(self, planning: Planning[Any]) -> list[Change]:
        by = planning.values.get("by", "champion")
        return [Change("ask", planning.values.get("question") or planning.leaf.name, f"{by} approves")]


KIND = Approve()
