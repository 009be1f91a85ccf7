"""The whole thread as rows, for tests that look at it: what was seen, its journey, a template, a run, what is live."""

from datetime import timedelta
from io import BytesIO
from typing import Any

import pytest
from django.utils import timezone

from engine.models import Artefact, Deployment, Release, Revision, Run, StepRun, Target
from engine.models.release_settings import ServedModel
from engine.models.target import connect
from engine.runs import transitions
from engine.targets.base import Environment, Kind, Workload
from engine.workers import executor
from journeys.actions.derive import DeriveTemplate
from journeys.actions.draft import DraftCurrent
from journeys.actions.import_ideal import ImportIdeal
from journeys.models import Journey, JourneyMap, MapVersion
from people.models import Persona, Role, User
from research.models import Activity, Insight, Observation

IDEAL = """
stages:
  - title: Before anybody depends on it
    steps:
      - {id: parity, rests_on: [match-features], insights: [Columns are compared by eye], does: "Reads what differs"}
      - {id: retrain, does: "Trains again in their own notebook"}
  - title: For everybody
    steps:
      - {id: owner, does: "The owner says yes"}
template:
  desirepath: 1
  template: ship-it
  persona: ml-engineer
  title: Ship it
  inputs:
    model: {type: model, help: "your .pkl"}
    note: {type: text, optional: true}
  flow:
    - {id: parity, title: Match features, uses: command.run, with: {command: "true"}}
    - id: retrain
      title: Train again
      uses: manual
      with: {instructions: "Hand the new file in"}
      outputs: {model: model}
    - {id: owner, title: Ask the owner, uses: approve, with: {by: champion, question: "Serve this to everyone?"}}
  done:
    - {id: drift, title: Drift is watched, uses: manual}
"""

APP = """
stages:
  - title: Before anybody notices
    steps:
      - {id: build, does: "Builds it"}
      - {id: test, does: "Runs the tests"}
      - {id: yes, does: "Somebody says yes"}
      - {id: notes, does: "Writes what is new"}
template:
  desirepath: 1
  template: push-it
  persona: app-developer
  title: Push it
  inputs: {folder: {type: folder}}
  flow:
    - {id: build, title: Build it, uses: command.run, with: {command: "true"}}
    - {id: test, title: Match features, uses: command.run, with: {command: "true"}}
    - {id: yes, title: Say yes, uses: approve, with: {by: team}}
    - {id: notes, title: Tell everybody, uses: manual}
  done:
    - {id: live, title: It answers, uses: http.check, with: {url: "http://127.0.0.1:1/"}}
    - {id: drift, title: "Drift is watched!", uses: manual}
"""


@pytest.fixture
def clara(team, ml) -> User:
    """The champion of the ML engineers; on the team."""
    made = User.objects.create_user(username="clara", first_name="Clara", password="walk the grass", persona=ml)
    team.add(made, Role.CHAMPION)
    ml.champions.create(user=made)
    return made


@pytest.fixture
def vera(team) -> User:
    """On the team to look."""
    made = User.objects.create_user(username="vera", first_name="Vera", password="walk the grass")
    team.add(made, Role.VIEWER)
    return made


@pytest.fixture
def seen(quote, session, participant, case, match_features, ml) -> Observation:
    """Nine minutes of matching features, then an endpoint that nobody had words for; a pain in between."""
    rows = {"session": session, "participant": participant, "case": case, "source": "seen"}
    endpoint = Activity.objects.named(ml, "Write the endpoint")
    Observation.objects.create(**rows, kind="pain", at=2_480_000, text="no parity check", activity=match_features)
    Observation.objects.create(**rows, kind="does", at=3_000_000, until=3_600_000, text="Copies", activity=endpoint)
    made: Observation = Observation.objects.create(
        **rows, kind="does", at=2_000_000, until=2_540_000, text="Compares columns by eye", activity=match_features
    )
    return made


@pytest.fixture
def insight(seen, quote, study, ml) -> Insight:
    made = Insight.objects.create(study=study, persona=ml, title="Columns are compared by eye")
    made.rest_on(quote)
    return made


@pytest.fixture
def journey(seen, study, ml, clara) -> Journey:
    made = Journey.objects.create(persona=ml, study=study, slug="ship", title="From a model to production")
    DraftCurrent(made).execute()
    return made


@pytest.fixture
def current(journey) -> JourneyMap:
    return JourneyMap.objects.get(journey=journey, state="current")


@pytest.fixture
def ideal(journey: Journey, insight) -> JourneyMap:
    return ImportIdeal(journey, IDEAL).execute()


@pytest.fixture
def revision(ideal, clara) -> Revision:
    return DeriveTemplate(ideal, clara).execute()


@pytest.fixture
def version(revision) -> MapVersion:
    """Taken when the template was derived; nobody has signed it."""
    return MapVersion.objects.get()


@pytest.fixture
def dummy(team) -> Target:
    return Target.objects.create(team=team, name="dummy", kind="dummy")


@pytest.fixture
def deployment(team, dummy, ml) -> Deployment:
    made: Deployment = Deployment.objects.create(team=team, target=dummy, name="churn", persona=ml)
    return made


@pytest.fixture
def run(revision, team, dummy, deployment, alice) -> Run:
    """Started and not executed: its first step is ready."""
    return transitions.start(Run(revision=revision, team=team, target=dummy, deployment=deployment, started_by=alice))


@pytest.fixture
def asking(run: Run) -> StepRun:
    """The run has come to the step that is done by hand."""
    executor.drain()
    return StepRun.objects.get(run=run, leaf="retrain")


def forest(run: Run, user: User) -> dict[str, Any]:
    """A file that the run's team has."""
    return Artefact.objects.keep(BytesIO(b"a model"), "forest.pkl", run.team, user).value()


@pytest.fixture
def owner(asking: StepRun, alice: User) -> StepRun:
    """The run has come to the step that the champion approves."""
    asking.confirm(alice, {"model": forest(asking.run, alice)})
    executor.drain()
    return StepRun.objects.get(leaf="owner")


def release(deployment: Deployment, number: int, weight: int, run: Run | None = None) -> Release:
    """A release that is on the dummy target too."""
    name = f"{deployment.name}-{number}"
    connect("dummy").apply(Workload(name, Kind.SERVICE, ("true",)))
    return Release.objects.create(
        deployment=deployment, number=number, run=run, effect=name, workload=name, artefact="0" * 64,
        artefact_name="forest.pkl", weight=weight,
        settings=ServedModel("0" * 64, Environment("3.11", ()), sample_row={"x": 1}).stored(),
        made_at=timezone.now() - timedelta(hours=3 - number),
    )  # fmt: skip


@pytest.fixture
def live(owner, deployment: Deployment, clara) -> Deployment:
    """The run has finished; version 2 of it is live and version 1 is ready to go back to."""
    owner.vote(clara, approve=True)
    executor.drain()
    release(deployment, 1, 0, owner.run)
    release(deployment, 2, 100, owner.run)
    Deployment.objects.filter(pk=deployment.pk).update(address="http://127.0.0.1:1", state="deployed")
    deployment.refresh_from_db()
    return deployment


@pytest.fixture
def app(ml) -> Journey:
    """App developers' way, as they would have it."""
    made = Journey.objects.create(
        persona=Persona.objects.get(slug="app-developer"), slug="push", title="From a folder to users"
    )
    ImportIdeal(made, APP).execute()
    return made
