"""RemoveExample: everything of the example goes, what is served too; starter templates and others' things stay."""

import pytest

from engine.models import Deployment, Release, Run, Target, Template
from engine.models.release_settings import Program, RunningApp
from engine.targets.base import Environment, Kind, Source, State, Workload
from people.models import Persona, Team, User
from research.models import Observation, Study
from server import example, starters
from server.example import LoadExample, RemoveExample
from tests.engine.api.conftest import endpoint, target

pytestmark = pytest.mark.django_db
__all__ = ["endpoint", "target"]


@pytest.fixture
def workspace(db, target):
    """The example, with a model of it live."""
    Persona.objects.bring()
    starters.bring()
    study = LoadExample(example.MODELS).execute()
    team = Team.objects.get(slug=example.TEAM)
    on = Target.objects.create(team=team, name="local", kind="dummy")
    churn = Deployment.objects.create(team=team, target=on, name="progression")
    run = Run.objects.create(
        revision=Template.objects.get(name="serve-model").latest, team=team, target=on, deployment=churn
    )
    Release.objects.create(deployment=churn, number=1, run=run, effect="e", workload="w", artefact="0" * 64, weight=100)
    target.apply(Workload("w", Kind.SERVICE, ("serve",)))
    churn.send(target, {"1": 100}, "made", run=run)
    return study


def test_nothing_of_it_is_left_and_nothing_of_it_runs(workspace, target):
    mine = Study.objects.create(title="Ours", persona=workspace.persona, team=None)
    RemoveExample().execute()
    assert list(Study.everything.all()) == [mine]
    for model in (Run, Deployment, Release, Target, Observation):
        assert model._default_manager.count() == 0
    assert not Team.objects.filter(example=True).exists()
    assert target.routes == {}
    assert target.status("w").state is State.STOPPED
    assert not User.objects.filter(username="mira", is_active=True).exists()


def test_an_apps_processes_end_and_its_folder_goes(workspace, target):
    """A worker answers no requests, and is ended all the same."""
    on = Target.objects.get()
    shelf = Deployment.objects.create(team=on.team, target=on, name="shelf")
    folder = Source("app-1", "1" * 64)
    workloads = {name: Workload(f"s.{name}", Kind.SERVICE, (name,), source=folder) for name in ("web.1", "worker.1")}
    programs = tuple(Program(name, name == "web.1", one) for name, one in workloads.items())
    Release.objects.create(
        deployment=shelf, number=1, effect="s", workload="s", artefact="1" * 64, weight=100,
        settings=RunningApp(folder, Environment("3.11", ()), programs=programs).stored(),
    )  # fmt: skip
    for one in workloads.values():
        target.apply(one)
    RemoveExample().execute()
    assert {target.status(one.name).state for one in workloads.values()} == {State.STOPPED}
    assert target.sources() == set()


def test_the_starters_stay_and_are_published(workspace):
    RemoveExample().execute()
    assert {t.name for t in Template.objects.filter(starter=True) if t.published} >= {"serve-model"}
    assert Persona.objects.count() == 3


def test_twice_is_as_once_and_it_can_be_brought_again(workspace):
    RemoveExample().execute()
    RemoveExample().execute()
    again = LoadExample(example.MODELS).execute()
    assert again.sessions.count() == workspace.sessions.model.objects.count() > 0
