"""One step on a target that records: what a kind comes to, and what it did there."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from engine import advance, template, worker
from engine.models import Artefact, Deployment, Release, Revision, Run, StepRun, Target, Template
from people.models import Persona, Team, User
from tests.engine.conftest import document
from tests.engine.endpoint import PREPARED, Endpoint, Scripted, answering, model_file


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[Endpoint]:
    with answering() as found:
        monkeypatch.setattr("engine.models.target.connect", lambda kind: found.target)
        yield found


@pytest.fixture
def target(endpoint: Endpoint) -> Scripted:
    return endpoint.target


@pytest.fixture
def on(team: Team) -> Target:
    return Target.objects.create(team=team, name="dummy", kind="dummy")


@pytest.fixture
def churn(on: Target, team: Team, persona: Persona) -> Deployment:
    return Deployment.objects.create(team=team, target=on, name="churn", persona=persona)


HandIn = Callable[..., dict[str, Any]]


@pytest.fixture
def hand_in(team: Team, alice: User) -> HandIn:
    def keep(data: bytes | None = None, name: str = "model.pkl") -> dict[str, Any]:
        return Artefact.objects.keep(io.BytesIO(data or model_file()), name, team, alice).value()

    return keep


INPUTS = """
model: {type: model, optional: true}
holdout: {type: table, optional: true}
label: {type: text, optional: true}
at_least: {type: number, optional: true}
"""

Stepper = Callable[..., StepRun]


@pytest.fixture
def step(on: Target, team: Team, alice: User, persona: Persona, target: Scripted) -> Stepper:
    """Run `flow` (or one leaf, `a`, of this kind), with these inputs; the row of the last leaf that was opened."""

    def run(
        leaf: str, *, flow: str = "", deployment: Deployment | None = None, release: Callable[[Run], Any] | None = None,
        **inputs: Any,
    ) -> StepRun:  # fmt: skip
        text = document(flow or f"- {{id: a, title: A step, {leaf}}}", inputs=INPUTS)
        revision: Revision = Template.objects.keep(template.from_yaml(text), alice)
        made = advance.start(
            Run(
                revision=revision, team=team, target=on, deployment=deployment, inputs=inputs, started_by=alice
            )
        )  # fmt: skip
        if release:
            release(made)
        worker.drain()
        return made.steps.filter(purpose=StepRun.Purpose.LEAF).select_related("run").latest("pk")

    return run


@pytest.fixture
def release(churn: Deployment, target: Scripted) -> Callable[..., Release]:
    """A release of churn that runs, with its share of the requests."""

    def make(number: int, weight: int = 0, run: Run | None = None, **more: Any) -> Release:
        from engine import serving

        environment = {"python": "3.11", "requirements": ["scikit-learn==1.7.2"], "optional": []}
        settings = {"packed": "f" * 64, "environment": environment, "sample_row": PREPARED["sample_row"]}
        made = Release.objects.create(
            deployment=churn, number=number, weight=weight, run=run, effect=f"e{number}", workload=f"server-{number}",
            settings=settings, **{"artefact": f"{number}" * 64, **more},
        )  # fmt: skip
        target.apply(serving.server_of(made))
        return made

    return make


def live(churn: Deployment, target: Scripted, weights: dict[str, int]) -> None:
    """The endpoint as it is before the run."""
    churn.send(target, weights, "before")


def changes(target: Scripted) -> int:
    """How often the route of churn has changed."""
    return next(status.changes for status in target.routes.values())
