"""Alice owns, Bob is on the team, Charlie has no access; a run and a deployment of theirs, and the API as each."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import Client
from knox.models import AuthToken

from engine.models import Artefact, Deployment, Release, Revision, Run, Target, Template
from engine.models.release_settings import ServedModel
from engine.runs import transitions
from engine.steps import catalogue
from engine.targets.base import Environment
from engine.workers import executor
from people.models import Persona, Team, User
from tests.engine.conftest import document
from tests.engine.endpoint import PREPARED, Endpoint, Scripted, answering


class Api:
    """The API as one person, with a token as a terminal has it."""

    def __init__(self, user: User | None) -> None:
        self.client = Client()
        self.headers = {"Authorization": f"Token {AuthToken.objects.create(user)[1]}"} if user else {}

    def ask(self, method: str, path: str, body: Any = None, **data: Any) -> Any:
        more = {"data": body, "content_type": "application/json"} if body is not None else {"data": data}
        return getattr(self.client, method)(f"/api/{path}", headers=self.headers, **more)

    def get(self, path: str, **query: Any) -> Any:
        return self.ask("get", path, **query)

    def post(self, path: str, body: Any = None) -> Any:
        return self.ask("post", path, {} if body is None else body)

    def put(self, path: str, body: Any) -> Any:
        return self.ask("put", path, body)

    def patch(self, path: str, body: Any) -> Any:
        return self.ask("patch", path, body)

    def delete(self, path: str) -> Any:
        return self.client.delete(f"/api/{path}", headers=self.headers)


def standard(answer: Any, status: int) -> list[dict[str, Any]]:
    """The errors of an answer, which has the standard form."""
    assert answer.status_code == status, answer.content
    found = answer.json()
    assert set(found) == {"type", "errors"}
    assert found["type"] in ("validation_error", "client_error")
    assert found["errors"]
    for error in found["errors"]:
        assert set(error) == {"code", "detail", "attr"}
        assert error["detail"]
    return list(found["errors"])


@pytest.fixture
def alice(team: Team) -> User:
    user = User.objects.create_user("alice", first_name="Alice")
    team.add(user, "engineer", "champion", "admin")
    return user


@pytest.fixture
def bob(team: Team) -> User:
    user = User.objects.create_user("bob", first_name="Bob")
    team.add(user, "viewer")
    return user


@pytest.fixture
def charlie(db: None) -> User:
    user = User.objects.create_user("charlie", first_name="Charlie")
    Team.objects.create(name="Elsewhere", slug="elsewhere").add(user, "engineer", "champion", "admin")
    return user


@pytest.fixture
def as_alice(alice: User) -> Api:
    return Api(alice)


@pytest.fixture
def as_bob(bob: User) -> Api:
    return Api(bob)


@pytest.fixture
def as_charlie(charlie: User) -> Api:
    return Api(charlie)


@pytest.fixture
def as_nobody() -> Api:
    return Api(None)


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
def file(team: Team, alice: User) -> Artefact:
    return Artefact.objects.keep(io.BytesIO(b"age,y\n40,1\n"), "rows.csv", team, alice)


FLOW = """
- {id: train, title: Train, uses: command.run, with: {command: "python train.py"}}
- {id: retrain, title: Train again, uses: manual, outputs: {why: text}}
- {id: owner, title: Ask the owner, uses: approve, with: {question: 'Serve it?'}}
"""
DONE = """
- {id: answers, title: Serving predictions, uses: endpoint.answers}
- {id: drift, title: Drift is watched, uses: manual}
"""
INPUTS = """
data: {type: table, optional: true}
label: {type: text, optional: true, help: the column}
"""


@pytest.fixture
def revision(alice: User, persona: Persona) -> Revision:
    return Template.objects.keep(catalogue.from_yaml(document(FLOW, inputs=INPUTS, done=DONE)), alice)


@pytest.fixture
def churn(on: Target, team: Team, persona: Persona) -> Deployment:
    return Deployment.objects.create(team=team, target=on, name="churn", persona=persona)


@pytest.fixture
def run(revision: Revision, team: Team, on: Target, alice: User, target: Scripted, churn: Deployment) -> Run:
    """It waits for `retrain`, and changes churn."""
    target.comes_to("command", {"rows": 3}, log="3 rows\n")
    made = transitions.start(Run(revision=revision, team=team, target=on, deployment=churn, started_by=alice))
    executor.drain()
    return made


@pytest.fixture
def live(churn: Deployment, target: Scripted, revision: Revision, team: Team, on: Target) -> Callable[..., Deployment]:
    """Churn with these releases, made by a run that has ended."""

    def make(weights: dict[str, int]) -> Deployment:
        from engine.deployments import model_release

        ended = Run.objects.create(revision=revision, team=team, target=on, deployment=churn, state="succeeded")
        for number, weight in weights.items():
            environment = Environment("3.11", ("scikit-learn==1.7.2",))
            settings = ServedModel("f" * 64, environment, sample_row=PREPARED["sample_row"]).stored()
            release = Release.objects.create(
                deployment=churn, number=int(number), weight=weight, run=ended, effect=f"e{number}",
                workload=f"server-{number}", settings=settings, artefact=number * 64, artefact_name="model.pkl",
            )  # fmt: skip
            target.apply(model_release.server_of(release))
        churn.send(target, weights, "made")
        return churn

    return make
