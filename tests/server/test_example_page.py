"""/settings/example/: the example is badged, and one button takes it away and nothing else."""

import pytest

from engine.models import Deployment, Run, Target, Template
from engine.runs import transitions
from journeys.actions.derive import DeriveTemplate
from journeys.actions.draft import DraftCurrent
from journeys.actions.import_ideal import ImportIdeal
from journeys.models import Journey
from people.models import Team, User
from research.models import Study
from server import example, starters
from tests.conftest import signed_in

HERE = "/settings/example/"


@pytest.fixture
def loaded(ml) -> Run:
    """The example with its journey, its template and a run that puts something live."""
    starters.bring()
    study = example.LoadExample(example.MODELS).execute()
    journey = Journey.objects.create(persona=ml, study=study, slug="model-to-production", title="To production")
    DraftCurrent(journey).execute()
    revision = DeriveTemplate(ImportIdeal(journey, example.MODELS.ideal()).execute(), None).execute()
    Template.objects.filter(pk=revision.template_id).update(example=True)
    team = Team.objects.get(slug="example")
    target = Target.objects.create(team=team, name="dummy", kind="dummy")
    live = Deployment.objects.create(team=team, target=target, name="progression", persona=ml)
    return transitions.start(Run(revision=revision, team=team, target=target, deployment=live))


def client_of(name: str):
    return signed_in(User.objects.get(username=name))


def test_it_is_badged_where_it_is_seen(loaded):
    client = client_of("mira")
    for address in ("/", "/live/", "/runs/", f"/runs/{loaded.pk}/", "/journeys/", "/templates/", "/settings/"):
        assert ">example<" in client.get(address).content.decode(), address


def test_it_says_what_goes_and_only_an_admin_gets_the_button(loaded):
    assert "Remove it" in client_of("remy").get(HERE).content.decode()
    assert "Remove it" not in client_of("mira").get(HERE).content.decode()
    assert client_of("mira").post(HERE).status_code == 403
    assert Team.objects.filter(slug="example").exists()


def test_to_somebody_else_there_is_no_example(loaded, as_charlie):
    assert as_charlie.get(HERE).status_code == 404
    assert as_charlie.post(HERE).status_code == 404
    assert "example" not in as_charlie.get("/").content.decode()


def test_while_something_of_it_runs_it_stays(loaded):
    page = client_of("remy").post(HERE, follow=True).content.decode()
    assert f"Run {loaded.pk} is still going" in page
    assert Study.objects.count() == 1


def test_it_goes_and_the_starters_stay(loaded):
    Run.objects.update(state="succeeded")
    assert client_of("remy").post(HERE).status_code == 302
    assert not Study.everything.exists()
    assert not Journey.objects.exists()
    assert not Run.objects.exists()
    assert not Team.objects.filter(slug="example").exists()
    names = set(Template.objects.values_list("name", flat=True))
    assert names == {"serve-model", "push-app", "run-pipeline"}
    assert Template.objects.get(name="serve-model").published


def test_what_others_have_stays(loaded, study, quote, deployment):
    Run.objects.update(state="succeeded")
    client_of("remy").post(HERE)
    assert Study.objects.get() == study
    assert Deployment.objects.get() == deployment


def test_it_is_left_out_of_the_numbers(loaded):
    assert not Run.objects.real().exists()
    assert not Journey.objects.real().exists()
