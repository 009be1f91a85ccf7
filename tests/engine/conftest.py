"""A team with a dummy target, and a way to run a flow written as YAML."""

from __future__ import annotations

from collections.abc import Callable
from textwrap import dedent, indent
from typing import Any

import pytest
from django.utils import timezone

from engine.models import Run, StepRun, Target, Template
from engine.runs import transitions
from engine.workers import executor
from people.models import Persona, Team, User
from tests import documents
from tests.engine import kinds


@pytest.fixture(autouse=True)
def probes(monkeypatch: pytest.MonkeyPatch) -> None:
    kinds.install(monkeypatch)


@pytest.fixture
def team(db: None) -> Team:
    return Team.objects.create(name="Retention", slug="retention")


@pytest.fixture
def alice(team: Team) -> User:
    user = User.objects.create_user("alice", "alice@example.com", first_name="Alice")
    team.add(user, "engineer")
    return user


@pytest.fixture
def persona(alice: User) -> Persona:
    persona, _ = Persona.objects.get_or_create(
        slug="ml-engineer", defaults={"name": "ML engineer", "plural": "ML engineers"}
    )
    persona.champions.create(user=alice)
    return persona


def document(flow: str, *, inputs: str = "", done: str = "") -> str:
    """A whole template around a flow; `${x}` in it is written `$x`."""
    text = "desirepath: 1\ntemplate: probe\npersona: ml-engineer\n"
    text += f"inputs:\n{indent(dedent(inputs), '  ')}\n" if inputs else ""
    text += f"flow:\n{indent(dedent(flow), '  ')}\n"
    return text + (f"done:\n{indent(dedent(done), '  ')}\n" if done else "")


Runner = Callable[..., Run]


@pytest.fixture
def run_flow(team: Team, alice: User, persona: Persona) -> Runner:
    """Start a flow and, unless `drain=False`, execute all that is due."""

    def start(flow: str, *, inputs: str = "", drain: bool = True, **values: Any) -> Run:
        revision = Template.objects.keep(documents.read(document(flow, inputs=inputs)), alice)
        target, _ = Target.objects.get_or_create(team=team, name="dummy", kind="dummy")
        run = transitions.start(Run(revision=revision, team=team, target=target, inputs=values, started_by=alice))
        if drain:
            executor.drain()
            run.refresh_from_db()
        return run

    return start


def states(run: Run) -> dict[str, str]:
    """{leaf or leaf[iteration]: state} of every leaf that was opened."""
    rows = run.steps.filter(purpose=StepRun.Purpose.LEAF)
    return {f"{r.leaf}[{r.iteration}]" if r.iteration else r.leaf: str(r.state) for r in rows}


def hurry(run: Run) -> None:
    """Let every time a step waits for be now."""
    run.steps.filter(wake_at__isnull=False).update(wake_at=timezone.now())


def starter(run: Run) -> User:
    assert run.started_by
    return run.started_by


def asked_of(step: StepRun) -> dict[str, Any]:
    assert step.asking
    return dict(step.asking)
