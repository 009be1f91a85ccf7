"""Whether a deployment is done, by its persona's own criteria: read-only step kinds, judged outside runs."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.utils import timezone

from engine.definition.expressions import expressions_in
from engine.definition.flow import Leaf
from engine.models import CriterionResult, Deployment, Release, StepRun
from engine.outcomes import (
    Asking,
    Failed,
    MissingInput,
    Outcome,
    PermanentFailure,
    Skipped,
    Succeeded,
    TemporaryFailure,
)
from engine.runs.context import context_for
from engine.statuses import CriterionState, DeploymentState
from engine.steps.catalogue import kind_of
from engine.steps.filling import fill, step_for
from engine.targets.base import TargetError


def judge_due() -> None:
    """Judge every deployment that is due, unless another worker has taken it."""
    for deployment in Deployment.objects.due().select_related("target", "team"):
        if deployment.take_judgement():
            judge(deployment)


def judge(deployment: Deployment) -> list[CriterionResult]:
    """Evaluate every criterion, store the results and set the deployment's state. Only reads from the target.

    Returns the results. They are not stored when the deployment was changed meanwhile, because they may be about a
    release that is no longer live.
    """
    began = deployment.begin_judgement()
    release = deployment.live
    if release is None or release.run is None:
        return []
    looked = [_look(release, leaf) for leaf in release.run.revision.parsed.done]  # in no transaction: may take seconds
    with transaction.atomic():  # so that no page shows some new results beside old ones
        locked = Deployment.objects.select_for_update(no_key=True).filter(pk=deployment.pk).first()
        if locked is None or not locked.change_state.confirms(began, timezone.now()):
            return looked
        results = [_store(deployment, result) for result in looked]
        _settle(deployment, release, results)
    return results


def _look(release: Release, leaf: Leaf) -> CriterionResult:
    """The criterion's result, not stored yet."""
    state, reason, asking = _state_of(_outcome(release, leaf))
    return CriterionResult(
        deployment_id=release.deployment_id, release=release, criterion=leaf.id, title=leaf.name, state=state,
        reason=reason, asking=asking,
    )  # fmt: skip


def _state_of(outcome: Outcome) -> tuple[CriterionState, str, dict[str, Any] | None]:
    match outcome:
        case Succeeded():
            return CriterionState.MET, outcome.note, None
        case Failed():
            return CriterionState.OPEN, outcome.reason, None
        case Asking():
            return CriterionState.OPEN, outcome.question, outcome.stored()
        case _:
            return CriterionState.NEEDS, getattr(outcome, "reason", "still looking"), None


def _outcome(release: Release, leaf: Leaf) -> Outcome:
    assert release.run is not None
    row = StepRun(run=release.run, leaf=leaf.id)
    try:
        kind = kind_of(leaf)
        form = fill(kind, leaf, context_for(row, list(expressions_in(dict(leaf.with_)))))
        return kind.judge(step_for(row, leaf, form))
    except MissingInput as missing:
        return Skipped(str(missing))
    except (PermanentFailure, TemporaryFailure, TargetError, ValueError) as error:
        return Failed(str(error))


def _store(deployment: Deployment, result: CriterionResult) -> CriterionResult:
    """Update the current row while release and state are the same; else add a new row and write an event."""
    now = timezone.now()
    with transaction.atomic():
        last = deployment.results.filter(criterion=result.criterion, current=True).first()
        if last and last.release_id == result.release_id and last.state == result.state:
            last.reason, last.last_at, last.times = result.reason, now, last.times + 1
            last.save(update_fields=["reason", "last_at", "times"])
            return last
        deployment.results.filter(criterion=result.criterion).update(current=False)
        result.save()
        word = CriterionState(result.state).label.lower()
        deployment.say(
            "criterion.changed", f"{result.title}: {word}. {result.reason}",
            criterion=result.criterion, title=result.title, state=str(result.state), reason=result.reason,
            release=result.release.number,
        )  # fmt: skip
    return result


def _all(results: list[CriterionResult]) -> str:
    return "its one criterion is" if len(results) == 1 else f"all {len(results)} criteria are"


def _settle(deployment: Deployment, release: Release, results: list[CriterionResult]) -> None:
    deployment.results.filter(current=True).exclude(pk__in=[r.pk for r in results]).update(current=False)
    if results and all(result.state == CriterionState.MET for result in results):
        Release.objects.filter(pk=release.pk, done_at=None).update(done_at=timezone.now())
        deployment.become(DeploymentState.DONE, f"{release} is done: {_all(results)} met")
    elif release.done_at:
        lost = ", ".join(r.title for r in results if r.state != CriterionState.MET)
        deployment.become(DeploymentState.REGRESSED, f"{release} no longer meets: {lost}")
    else:
        deployment.become(DeploymentState.DEPLOYED, f"{release} answers")
