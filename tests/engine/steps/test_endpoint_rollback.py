"""endpoint.rollback: the traffic as it was before this run."""

import pytest

from tests.engine.steps.conftest import live

pytestmark = pytest.mark.django_db

LEAF = "uses: endpoint.rollback"


def test_requests_go_where_they_went_before_the_run(step, churn, target, release):
    release(1, 100)

    def second(run):
        release(2, 0, run)
        live(churn, target, {"1": 90, "2": 10})

    row = step(LEAF, deployment=churn, release=second)
    assert row.state == "succeeded", row.reason
    assert (row.outputs, row.note) == ({"release": 1}, "version 1 answers again")
    assert churn.traffic() == {"1": 100, "2": 0}


def test_the_first_version_has_nothing_to_go_back_to(step, churn, release):
    row = step(LEAF, deployment=churn, release=lambda run: release(1, 100, run))
    assert row.note == "the first version: there is nothing to go back to"
    assert churn.traffic() == {"1": 100}
