"""service.rollback: requests and workers as they were before the run."""

import pytest

from engine.targets.base import State
from tests.engine.steps.conftest import live

pytestmark = pytest.mark.django_db

LEAF = "uses: service.rollback"


def test_requests_and_workers_go_back_to_the_release_before(step, churn, target, app_release):
    app_release(1, 100)
    live(churn, target, {"1": 100})

    def second(run):
        app_release(2, 0, run)
        live(churn, target, {"1": 0, "2": 100})

    row = step(LEAF, deployment=churn, release=second)
    assert row.state == "succeeded", row.reason
    assert row.note == "release 1 answers again"
    assert churn.traffic() == {"1": 100, "2": 0}
    assert target.statuses["r1.worker.1"].state == State.READY
    assert target.statuses["r2.worker.1"].state == State.STOPPED


def test_the_first_release_has_nothing_to_go_back_to(step, churn, app_release):
    row = step(LEAF, deployment=churn, release=lambda run: app_release(1, 100, run))
    assert row.note == "the first release: there is nothing to go back to"
