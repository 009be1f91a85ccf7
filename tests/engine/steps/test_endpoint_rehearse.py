"""endpoint.rehearse: takes the new release out, proves that the one before answers, puts it back."""

import pytest

from engine.models import Release, StepRun
from engine.steps import filling, registry
from engine.targets.base import TargetError
from engine.workers import executor
from tests.engine.steps.conftest import changes, live

pytestmark = pytest.mark.django_db


@pytest.fixture
def rehearse(step, churn, target, release):
    def go():
        release(1, 100)

        def second(run):
            release(2, 100, run)
            live(churn, target, {"1": 0, "2": 100})

        return step("uses: endpoint.rehearse", deployment=churn, release=second)

    return go


def weights(target):
    (routed,) = target.routes.values()
    return {backend.release: backend.weight for backend in routed.route.backends}


def test_the_one_before_answers_and_the_traffic_is_as_it_was(rehearse, churn, target):
    row = rehearse()
    assert row.state == "succeeded", row.reason
    assert row.outputs["release"] == 1
    assert weights(target) == churn.traffic() == {"1": 0, "2": 100}
    assert changes(target) == 3  # as it was, away, back
    release = Release.objects.get(number=2)
    assert release.rehearsed_at
    assert release.rehearsal["fell_back_to"] == 1


def test_a_way_back_that_does_not_work_fails_and_the_traffic_is_put_back_all_the_same(
    rehearse, endpoint, churn, target
):
    endpoint.broken = {"1"}
    row = rehearse()
    assert row.state == "failed"
    assert row.reason == "The way back does not work: asked for version 1, 1 answered 500."
    shifts = [event.data["weights"] for event in churn.events.filter(kind="traffic.shifted")][-3:]
    assert shifts == [{"1": 100, "2": 0}, {"1": 0, "2": 100}, {"1": 100}]  # away, back, and back before the run
    assert weights(target) == {"1": 100}
    assert Release.objects.get(number=2).rehearsed_at is None


def test_killed_while_away_it_goes_back_to_what_it_was_before_and_not_to_what_it_finds(rehearse, churn, target):
    row = rehearse()
    StepRun.objects.filter(pk=row.pk).update(checkpoint={"weights": {"1": 0, "2": 100}})
    row.refresh_from_db()
    churn.send(target, {"1": 100, "2": 0}, "away, then killed")
    row.state, row.owner, row.claim = "running", "", row.claim
    executor.outcome_of(row)
    assert weights(target) == {"1": 0, "2": 100}


def test_the_first_version_has_nothing_to_fall_back_to(step, churn, release):
    row = step("uses: endpoint.rehearse", deployment=churn, release=lambda run: release(1, 100, run))
    assert row.note == "this is the first version, so there is no earlier one to go back to"


def test_cancel_puts_the_traffic_back(rehearse, churn, target, monkeypatch):

    row = rehearse()
    churn.send(target, {"1": 100, "2": 0}, "away")
    step = filling.step_for(row, row.definition, registry()["endpoint.rehearse"].form())
    step.checkpoint = {"weights": {"1": 0, "2": 100}}
    registry()["endpoint.rehearse"].cancel(step)
    assert weights(target) == {"1": 0, "2": 100}
    monkeypatch.setattr(target, "route", lambda route: (_ for _ in ()).throw(TargetError("The machine is on fire.")))
    registry()["endpoint.rehearse"].cancel(step)
    assert "could not be put back: The machine is on fire." in row.events.filter(kind="step.log").last().text
