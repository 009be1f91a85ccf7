"""Starting a run: its inputs are checked as a whole, and a deployment changes under one run at a time."""

from __future__ import annotations

from typing import Any

import pytest

from engine.actions import plan_run
from engine.actions.start_run import Refused, StartRun
from engine.models import Deployment, Revision, Run, Target, Template
from engine.runs import transitions
from engine.steps import catalogue
from engine.workers import executor
from people.models import Persona, Team, User
from tests.engine.conftest import document

pytestmark = pytest.mark.django_db

INPUTS = "model: {type: model}\nfigure: {type: number, optional: true}\nlabel: {type: text, default: y}"


@pytest.fixture
def revision(alice: User, persona: Persona, team: Team) -> Revision:
    Target.objects.create(team=team, name="dummy", kind="dummy")
    return Template.objects.keep(catalogue.from_yaml(document("- {id: wait, uses: manual}", inputs=INPUTS)), alice)


def start(revision: Revision, team: Team, alice: User, inputs: dict[str, Any], **options: Any) -> Run:
    return StartRun(revision, team, alice, inputs, **options).execute()


def test_everything_that_is_wrong_is_said_at_once(revision: Revision, team: Team, alice: User) -> None:
    with pytest.raises(Refused) as caught:
        start(revision, team, alice, {"figure": "many", "colour": "red"}, name="Not A Name")
    assert set(caught.value.problems) == {"figure", "colour", "model", "name"}
    assert not Run.objects.exists()
    assert not Deployment.objects.exists()


def test_a_file_has_to_be_the_team_s_own(revision: Revision, team: Team, alice: User) -> None:
    with pytest.raises(Refused, match="has no file"):
        start(revision, team, alice, {"model": "0" * 64})


@pytest.fixture
def plain(alice: User, persona: Persona, team: Team) -> Revision:
    Target.objects.create(team=team, name="dummy", kind="dummy")
    return Template.objects.keep(catalogue.from_yaml(document("- {id: wait, uses: manual}")), alice)


def test_a_second_run_on_the_same_deployment_is_refused_with_the_number_of_the_first(
    plain: Revision, team: Team, alice: User
) -> None:
    first = start(plain, team, alice, {}, name="churn")
    with pytest.raises(transitions.NotPossible, match=f"run {first.pk} is changing churn already"):
        start(plain, team, alice, {}, name="churn")
    assert Run.objects.count() == 1


def test_the_same_idempotency_key_starts_one_run(plain: Revision, team: Team, alice: User) -> None:
    first = start(plain, team, alice, {}, idempotency_key="once")
    assert start(plain, team, alice, {}, idempotency_key="once") == first


def test_a_plan_writes_nothing(plain: Revision, team: Team, alice: User) -> None:
    lines = plan_run.plan(StartRun(plain, team, alice, {}, name="churn"))
    assert [(line.step, line.verb) for line in lines] == [("wait", "ask")]
    assert not Run.objects.exists()
    assert not Deployment.objects.exists()


def test_a_published_change_of_the_template_does_not_reach_a_running_run(
    plain: Revision, team: Team, alice: User
) -> None:
    run = start(plain, team, alice, {})
    executor.drain()
    newer = Template.objects.keep(catalogue.from_yaml(document("- {id: other, uses: manual}")), alice)
    newer.publish(alice)
    assert [leaf.id for leaf in Run.objects.get(pk=run.pk).flow.leaves()] == ["wait"]


def test_a_stored_revision_cannot_be_changed(plain: Revision) -> None:
    plain.document = {}
    with pytest.raises(TypeError, match="immutable"):
        plain.save()
