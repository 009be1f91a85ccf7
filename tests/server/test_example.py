"""The example's studies can be read, mapped and taken away again; an id that others name stays what it is."""

from uuid import UUID

import pytest
import yaml

from engine.models import Template
from journeys.actions.derive import DeriveTemplate
from journeys.actions.draft import DraftCurrent
from journeys.actions.import_ideal import ImportIdeal
from journeys.models import Journey
from people.models import Persona, PersonaChampion, Team, User
from research.models import Activity, Case, Insight, Observation, Participant, Session, Study
from research.traces import by_activity
from server import example
from server.example import APPS, MODELS, STUDIES, LoadExample, RemoveExample, Shipped
from tests.leaks import leaks

pytestmark = pytest.mark.django_db
EVIDENCE = (Study, Session, Observation, Participant, Case, Insight)
each = pytest.mark.parametrize("shipped", STUDIES, ids=lambda shipped: shipped.persona)


@pytest.fixture(autouse=True)
def _personas(db):
    Persona.objects.bring()


def journey_of(shipped: Shipped) -> Journey:
    study = LoadExample(shipped).execute()
    return Journey.objects.create(**shipped.journey(), persona=study.persona, study=study)


@each
def test_every_row_of_it_is_read_and_its_people_may_see_it(shipped):
    study = LoadExample(shipped).execute()
    body = shipped.study
    assert study.sessions.count() == len(body["sessions"])
    assert Observation.objects.of_study(study).count() == sum(len(session["rows"]) for session in body["sessions"])
    assert study.participants.count() == study.participants.consenting().count() == len(body["participants"]) >= 5
    assert not study.few  # so that quotes can be read on a trace
    assert {m.user.username for m in study.members.all()} == {"remy", *shipped.people()}


@each
def test_loading_it_again_changes_nothing(shipped):
    first = LoadExample(shipped).execute()
    assert LoadExample(shipped).execute() == first
    assert Session.objects.count() == len(shipped.study["sessions"])


@each
def test_every_activity_is_seen_and_every_insight_rests_on_something(shipped):
    study = LoadExample(shipped).execute()
    assert {one.name for one in by_activity(Observation.objects.of_study(study)).values()} >= set(
        shipped.study["activities"]
    )
    assert all(insight.links.exists() for insight in study.insights.all())


@each
def test_a_current_map_is_found_in_its_cases(shipped):
    current = DraftCurrent(journey_of(shipped)).execute()
    assert len(current.steps.all()) >= 7
    assert all(step.links.exists() for step in current.steps.all())


@each
def test_its_ideal_map_rests_on_what_the_study_has(shipped):
    study = LoadExample(shipped).execute()
    steps = [step for stage in yaml.safe_load(shipped.ideal())["stages"] for step in stage["steps"]]
    assert {key for step in steps for key in step["rests_on"]} <= {one.key for one in shipped.vocabulary()}
    assert {title for step in steps for title in step.get("insights", [])} == {i.title for i in study.insights.all()}


@each
def test_its_ideal_map_becomes_a_template_that_can_be_run_every_step_with_evidence(shipped):
    revision = DeriveTemplate(ImportIdeal(journey_of(shipped), shipped.ideal()).execute(), None).execute()
    assert revision.template.persona
    assert revision.template.persona.slug == shipped.persona
    leaves = revision.parsed.flow.leaves()
    assert all(leaf.evidence for leaf in leaves)
    assert {origin.leaf for origin in revision.origins.all()} == {leaf.id for leaf in leaves}
    assert len(revision.parsed.done) == 4


@each
def test_its_ideal_map_speaks_as_its_persona_does(shipped):
    assert leaks(shipped.ideal(), shipped.persona) == []


@each
def test_somebody_speaks_for_its_persona(shipped):
    LoadExample(shipped).execute()
    persona = Persona.objects.get(slug=shipped.persona)
    assert {champion.user.username for champion in persona.champions.all()} <= set(shipped.people())
    assert persona.champions.count() == 1


def test_the_ids_that_others_name_stay_and_no_two_are_the_same():
    for shipped in STUDIES:
        LoadExample(shipped).execute()
    said = Observation.objects.get(text="If a column moved I find out from the on-call.")
    assert said.pk == UUID("5a3599b9-f07b-5446-b769-a57ee6d48a92")
    assert (said.participant.pseudonym, said.at) == ("P1", 2_472_000)
    total = sum(len(session["rows"]) for shipped in STUDIES for session in shipped.study["sessions"])
    assert Observation.objects.count() == total
    assert Insight.objects.count() == sum(len(shipped.study["insights"]) for shipped in STUDIES)


def test_removing_it_leaves_nothing_of_either_study():
    before = User.objects.count()
    for shipped in STUDIES:
        journey = journey_of(shipped)
        DraftCurrent(journey).execute()
        revision = DeriveTemplate(ImportIdeal(journey, shipped.ideal()).execute(), None).execute()
        Template.objects.filter(pk=revision.template_id).update(example=True)
    example.shelf().touch()
    RemoveExample().execute()
    assert not example.shelf().exists()
    for model in (
        Template,
        Study,
        Session,
        Observation,
        Participant,
        Case,
        Insight,
        Journey,
        Activity,
        Team,
        PersonaChampion,
    ):
        rows = getattr(model, "everything", model._default_manager)
        assert rows.count() == 0, model
    assert Observation.history.count() == Insight.history.count() == 0
    assert User.objects.filter(is_active=True).count() == before


def test_a_word_that_somebody_else_uses_stays(quote, match_features):
    LoadExample(MODELS).execute()
    RemoveExample().execute()
    assert list(Activity.objects.all()) == [match_features]
    assert Observation.objects.get() == quote


def test_after_it_was_removed_it_can_be_brought_again_with_its_people():
    LoadExample(APPS).execute()
    RemoveExample().execute()
    LoadExample(APPS).execute()
    noor = example.people()["noor"]
    assert noor.is_active
    assert Persona.objects.get(slug="app-developer").champions.get().user == noor
