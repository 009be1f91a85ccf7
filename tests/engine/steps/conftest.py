"""One step on a target that records: what a kind comes to, and what it did there."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from engine.actions import plan_run
from engine.actions.start_run import StartRun
from engine.models import Artefact, Deployment, Release, Revision, Run, StepRun, Target, Template
from engine.models.release_settings import Program, RunningApp, ServedModel
from engine.runs import transitions
from engine.steps import catalogue
from engine.targets.base import Environment, Kind, Source, Workload
from engine.workers import executor
from people.models import Persona, Team, User
from tests.apps import packed
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
app: {type: folder, optional: true}
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
        revision: Revision = Template.objects.keep(catalogue.from_yaml(text), alice)
        made = transitions.start(
            Run(
                revision=revision, team=team, target=on, deployment=deployment, inputs=inputs, started_by=alice
            )
        )  # fmt: skip
        if release:
            release(made)
        executor.drain()
        return made.steps.filter(purpose=StepRun.Purpose.LEAF).select_related("run").latest("pk")

    return run


@pytest.fixture
def release(churn: Deployment, target: Scripted) -> Callable[..., Release]:
    """A release of churn that runs, with its share of the requests."""

    def make(number: int, weight: int = 0, run: Run | None = None, **more: Any) -> Release:
        from engine.deployments import model_release

        environment = Environment("3.11", ("scikit-learn==1.7.2",))
        settings = ServedModel("f" * 64, environment, sample_row=PREPARED["sample_row"]).stored()
        made = Release.objects.create(
            deployment=churn, number=number, weight=weight, run=run, effect=f"e{number}", workload=f"server-{number}",
            settings=settings, **{"artefact": f"{number}" * 64, **more},
        )  # fmt: skip
        target.apply(model_release.server_of(made))
        return made

    return make


AppFile = Callable[..., dict[str, Any]]


@pytest.fixture
def app_file(hand_in: HandIn) -> AppFile:
    """An app handed in; named as in `tests.apps`."""
    return lambda **files: hand_in(packed(**files), "shop.tar.gz")


@pytest.fixture
def app_release(churn: Deployment, target: Scripted) -> Callable[..., Release]:
    """A release of churn that is an app: one program that answers, and one worker."""

    def make(number: int, weight: int = 0, run: Run | None = None, check: str | None = None) -> Release:
        programs = tuple(
            Program(f"{what}.1", what == "web", Workload(
                f"r{number}.{what}.1", Kind.SERVICE, ("true",), health="/" if what == "web" else ""))
            for what in ("web", "worker")
        )  # fmt: skip
        source = Source(f"app-{number}", "f" * 64)
        settings = RunningApp(source, Environment("3.11", ()), check, programs=programs).stored()
        made = Release.objects.create(
            deployment=churn, number=number, weight=weight, run=run, effect=f"r{number}", workload=f"r{number}",
            settings=settings, artefact="f" * 64,
        )  # fmt: skip
        made.begin(target, answering=True)
        return made

    return make


@pytest.fixture
def plan_of(churn: Deployment, on: Target, team: Team, alice: User, target: Scripted) -> Callable[..., list[str]]:
    """What a leaf of this kind says it would do to churn: "verb what"."""

    def plan(leaf: str, **inputs: Any) -> list[str]:
        text = document(f"- {{id: a, title: A step, {leaf}}}", inputs=INPUTS)
        revision = Template.objects.keep(catalogue.from_yaml(text), alice)
        lines = plan_run.plan(StartRun(revision, team, alice, inputs, "churn", on))
        return [f"{line.verb} {line.what}" for line in lines]

    return plan


def live(churn: Deployment, target: Scripted, weights: dict[str, int]) -> None:
    """The endpoint as it is before the run."""
    churn.send(target, weights, "before")


def changes(target: Scripted) -> int:
    """How often the route of churn has changed."""
    return next(status.changes for status in target.routes.values())
