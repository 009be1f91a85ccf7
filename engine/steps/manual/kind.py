"""manual: a person does it and confirms; the time it took is taken. As a criterion: confirmed once per release."""

from typing import Any

from pydantic import Field

from engine.definition.expressions import ExpressionError, typed
from engine.definition.vocabulary import FILE_TYPES
from engine.models import Artefact, Confirmation
from engine.outcomes import Asking, Needs, Outcome, Succeeded, groups_of
from engine.steps.base import Form, Planning, Step, StepKind
from engine.targets.base import Change


class ManualForm(Form):
    instructions: str = Field("", description="what to do; without it, the step's title")
    by: str = Field("team", description="who confirms: team, champion or a user name")


class Manual(StepKind):
    name = "manual"
    form = ManualForm
    outputs = None
    is_criterion = True

    def run(self, step: Step[ManualForm]) -> Outcome:
        question = step.form.instructions or step.leaf.name
        answer = step.row.answered
        if answer is None:
            return self._ask(step, question)
        values = {name: answer.values.get(name) for name in step.leaf.outputs}
        if missing := [name for name, value in values.items() if value in (None, "")]:
            return self._ask(step, f"{question} — still needs: {', '.join(missing)}")
        try:
            values = {name: self._fits(step, value, step.leaf.outputs[name]) for name, value in values.items()}
        except ExpressionError as error:
            return self._ask(step, f"{question} — {error}")
        by = f"confirmed by {answer.by}"
        return Succeeded(values, f"{by}: {answer.comment}" if answer.comment else by)

    def _fits(self, step: Step[ManualForm], value: Any, type_: str) -> Any:
        """The value as its type; a file has to be one that this team has handed in."""
        if type_ not in FILE_TYPES:
            return typed(value, type_)
        sha256 = value.get("sha256", "") if isinstance(value, dict) else str(value)
        artefact = Artefact.objects.filter(team=step.run.team, sha256=sha256).first()
        if artefact is None:
            raise ExpressionError(f"the team has no file {sha256[:12]}: hand the file itself in")
        return artefact.value()

    def _ask(self, step: Step[ManualForm], question: str) -> Asking:
        return Asking(question, groups_of(step.form.by), needs=Needs(outputs=dict(step.leaf.outputs)))

    def judge(self, step: Step[ManualForm]) -> Outcome:
        """As a criterion: whether somebody confirmed it for this release."""
        confirmations = Confirmation.objects.filter(release=step.release, criterion=step.leaf.id)
        confirmation = confirmations.select_related("user").first()
        if confirmation is None:
            return self._ask(step, step.form.instructions or f"{step.leaf.name}: confirm it by hand")
        note = f": {confirmation.note}" if confirmation.note else ""
        return Succeeded({}, f"confirmed by hand by {confirmation.user.name}{note}")

    def plan(self, planning: Planning[Any]) -> list[Change]:
        return [Change("ask", planning.values.get("instructions") or planning.leaf.name, "a person confirms it")]


KIND = Manual()
