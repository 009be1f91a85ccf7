"""endpoint.answers: the endpoint gives a prediction for a real row."""

import pytest

from tests.engine.steps.conftest import live

pytestmark = pytest.mark.django_db

LEAF = "uses: endpoint.answers, with: {within: 2}"


@pytest.fixture
def asked(step, churn, target, release):
    def ours(run):
        release(1, 100, run)
        live(churn, target, {"1": 100})

    return lambda: step(LEAF, deployment=churn, release=ours)


def test_an_answer_is_said_with_its_time_and_share(asked):
    row = asked()
    assert row.state == "succeeded", row.reason
    assert row.note.startswith("version 1 answers in ")
    assert row.note.endswith(" ms, 100 % of requests go to it")


def test_an_error_is_said_with_its_status(asked, endpoint):
    endpoint.status = 503
    row = asked()
    assert row.state == "failed"
    assert "answered 503" in row.reason


def test_nobody_there_is_said(asked, target):
    target.address = "http://127.0.0.1:9"
    row = asked()
    assert "http://127.0.0.1:9/predict did not answer within 2 s" in row.reason
