"""Makes what a step kind is called with: its form, with expressions evaluated, and its `Step`."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from engine.definition.expressions import Absent, expressions_in, resolve
from engine.definition.flow import Leaf
from engine.definition.vocabulary import article
from engine.models import StepRun
from engine.models.artefact import store
from engine.outcomes import MissingInput, PermanentFailure, TemporaryFailure
from engine.steps.base import Form, Step, StepKind


def fill(kind: StepKind, leaf: Leaf, context: dict[str, Any]) -> Form:
    """The kind's form with its expressions answered. Raises MissingInput, or PermanentFailure when it does not fit."""
    values: dict[str, Any] = {}
    fields = kind.form.model_fields
    for key, value in leaf.with_.items():
        if key not in fields:
            raise PermanentFailure(f"{kind.name} has no setting “{key}”; it has {', '.join(fields) or 'none'}")
        try:
            values[key] = resolve(value, context)
        except Absent:
            values[key] = None
        if values[key] is None:
            if fields[key].is_required():
                raise MissingInput(f"needs {_what(key, value)}, which was not given")
            del values[key]
    try:
        return kind.form.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        raise PermanentFailure(f"{kind.name}: {'.'.join(map(str, first['loc']))}: {first['msg'].lower()}") from error


def _what(key: str, value: Any) -> str:
    """What is missing, as the person who started the run knows it: the input's name rather than the setting's."""
    inputs = sorted({r.name for e in expressions_in(value) for r in e.references if r.root == "inputs"})
    return article((inputs[0] if inputs else key).replace("_", " "))


def step_for(row: StepRun, leaf: Leaf, form: Form) -> Step[Any]:
    checkpoint = dict(row.checkpoint)

    def remember() -> None:
        if StepRun.objects.filter(pk=row.pk, owner=row.owner, claim=row.claim).update(checkpoint=checkpoint) != 1:
            raise TemporaryFailure("another worker has taken this step over")

    def log(text: str) -> None:
        row.say("step.log", text)

    return Step(
        row=row, run=row.run, leaf=leaf, form=form, artefacts=store(), checkpoint=checkpoint,
        log=log, remember=remember,
    )  # fmt: skip
