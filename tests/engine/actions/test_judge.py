"""Done: a persona's own criteria, judged outside runs, every change kept."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from engine.actions import judge
from engine.actions.confirm_criterion import ConfirmCriterion
from engine.models import Deployment, Release, Run, Target, Template
from engine.statuses import CriterionState, DeploymentState
from engine.steps import catalogue
from people.models import Persona, Team, User
from tests.engine import kinds
from tests.engine.conftest import document

pytestmark = pytest.mark.django_db

DONE = """
- {id: answers, title: It answers, uses: test.probe}
- {id: figure, title: A figure, uses: test.probe, with: {value: "${{ inputs.figure }}"}}
- {id: looked, title: Somebody looked, uses: manual}
"""


@pytest.fixture
def deployment(team: Team, alice: User, persona: Persona) -> Deployment:
    text = document("- {id: a, uses: test.probe}", inputs="figure: {type: number, optional: true}", done=DONE)
    revision = Template.objects.keep(catalogue.from_yaml(text), alice)
    target = Target.objects.create(team=team, name="dummy", kind="dummy")
    found = Deployment.objects.create(team=team, target=target, name="churn", persona=persona)
    run = Run.objects.create(revision=revision, team=team, target=target, deployment=found, started_by=alice)
    Release.objects.create(
        deployment=found, number=1, run=run, effect="r1", workload="w1", artefact="0" * 64, weight=100
    )
    return found


def states(deployment: Deployment) -> dict[str, str]:
    return dict(deployment.results.filter(current=True).values_list("criterion", "state"))


def test_a_deployment_is_done_when_all_its_criteria_are_met(deployment: Deployment, alice: User) -> None:
    judge.judge(deployment)
    assert states(deployment) == {"answers": "met", "figure": "met", "looked": "open"}
    assert deployment.state == DeploymentState.DEPLOYED
    result = ConfirmCriterion(deployment, "looked", alice, "I did").execute()
    assert result.state == CriterionState.MET
    assert "confirmed by hand by Alice: I did" in result.reason
    assert deployment.state == DeploymentState.DONE


def test_what_was_done_and_is_no_longer_has_regressed_and_says_why(deployment: Deployment, alice: User) -> None:
    judge.judge(deployment)
    ConfirmCriterion(deployment, "looked", alice).execute()
    kinds.FAILING["answers"] = -1
    judge.judge(deployment)
    assert deployment.state == DeploymentState.REGRESSED
    event = deployment.events.get(kind="deployment.regressed")
    assert event.text == "churn 1 no longer meets: It answers"
    kinds.FAILING.clear()
    judge.judge(deployment)
    assert deployment.state == DeploymentState.DONE


def test_a_criterion_that_says_the_same_is_one_row_with_its_count(deployment: Deployment) -> None:
    for _ in range(3):
        judge.judge(deployment)
    row = deployment.results.get(criterion="answers")
    assert row.times == 3
    assert row.last_at > row.first_at


def test_a_manual_criterion_is_confirmed_once_for_each_release(deployment: Deployment, alice: User) -> None:
    judge.judge(deployment)
    ConfirmCriterion(deployment, "looked", alice).execute()
    first = deployment.releases.get()
    Release.objects.filter(pk=first.pk).update(weight=0)
    Release.objects.create(
        deployment=deployment, number=2, run=first.run, effect="r2", workload="w2", artefact="0" * 64, weight=100
    )
    judge.judge(deployment)
    assert states(deployment)["looked"] == "open"
    assert deployment.state == DeploymentState.DEPLOYED


def test_a_criterion_that_lacks_its_input_says_what_it_needs(deployment: Deployment, alice: User) -> None:
    text = document(
        "- {id: a, uses: test.probe}",
        inputs="holdout: {type: number, optional: true}",
        done='- {id: good, uses: model.at_least, with: {value: "${{ inputs.holdout }}"}}',
    )
    run = deployment.runs.get()
    Run.objects.filter(pk=run.pk).update(revision=Template.objects.keep(catalogue.from_yaml(text), alice))
    (result,) = judge.judge(deployment)
    assert result.state == CriterionState.NEEDS
    assert "needs a holdout" in result.reason


def test_only_what_a_person_judges_can_be_confirmed(deployment: Deployment, alice: User) -> None:
    with pytest.raises(ValueError, match="no criterion “answers” that is confirmed by hand"):
        ConfirmCriterion(deployment, "answers", alice).execute()


def test_only_what_answers_is_due(deployment: Deployment) -> None:
    assert list(Deployment.objects.due()) == [deployment]
    judge.judge(deployment)
    assert list(Deployment.objects.due()) == []


def test_what_is_not_done_is_looked_at_again_sooner_than_what_is(deployment: Deployment, alice: User) -> None:
    judge.judge(deployment)
    Deployment.objects.update(judged_at=timezone.now() - timedelta(seconds=20))
    assert list(Deployment.objects.due()) == [deployment]
    ConfirmCriterion(deployment, "looked", alice).execute()
    Deployment.objects.update(judged_at=timezone.now() - timedelta(seconds=20))
    assert list(Deployment.objects.due()) == []
    Deployment.objects.update(judged_at=timezone.now() - timedelta(seconds=61))
    assert list(Deployment.objects.due()) == [deployment]


def test_nobody_reads_some_of_the_criteria_as_all_of_them(deployment: Deployment, monkeypatch) -> None:
    store, seen = judge._store, []

    def looking(*one: Any) -> Any:
        seen.append(transaction.get_connection().in_atomic_block and len(transaction.get_connection().savepoint_ids))
        return store(*one)

    monkeypatch.setattr(judge, "_store", looking)
    judge.judge(deployment)
    assert len(seen) == 3
    assert min(seen) >= 1  # inside a transaction of its own, within that of the test


def test_of_two_engines_that_find_it_due_one_judges_it(deployment: Deployment) -> None:
    mine, theirs = list(Deployment.objects.due()), list(Deployment.objects.due())
    assert [found.take_judgement() for found in (*mine, *theirs)] == [True, False]
    assert list(Deployment.objects.due()) == []
