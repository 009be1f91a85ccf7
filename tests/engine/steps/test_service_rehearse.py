"""service.rehearse: the release before answers for a moment, then the new one is put back."""

import pytest

from engine.models import Release
from engine.targets.base import State
from tests.engine.steps.conftest import changes, live

pytestmark = pytest.mark.django_db

LEAF = "uses: service.rehearse"


@pytest.fixture
def rehearse(step, churn, target, app_release):
    def go():
        app_release(1, 100)

        def second(run):
            app_release(2, 100, run)
            live(churn, target, {"1": 0, "2": 100})

        return step(LEAF, deployment=churn, release=second)

    return go


def test_the_one_before_answers_and_everything_is_as_it_was(rehearse, churn, target):
    row = rehearse()
    assert row.state == "succeeded", row.reason
    assert row.outputs["release"] == 1
    assert "release 1 answered in" in row.note
    assert churn.traffic() == {"1": 0, "2": 100}
    assert changes(target) == 3  # as it was, away, back
    assert Release.objects.get(number=2).rehearsal["fell_back_to"] == 1


def test_workers_stay_where_they_are_meanwhile(rehearse, target):
    rehearse()
    assert target.statuses["r2.worker.1"].state == State.READY
    assert target.statuses["r2.worker.1"].starts == 1
    assert ("apply", "r1.worker.1") not in target.calls


def test_a_way_back_that_does_not_work_fails(rehearse, endpoint):
    endpoint.broken = {"1"}
    assert rehearse().reason == "The way back does not work: asked for release 1, 1 answered 500."


def test_the_first_release_has_none_before_it(step, churn, app_release):
    row = step(LEAF, deployment=churn, release=lambda run: app_release(1, 100, run))
    assert row.note == "this is the first release, so there is no earlier one to go back to"
