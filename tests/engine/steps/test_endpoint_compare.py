"""endpoint.compare: the holdout decides; real requests can only veto; no traffic cannot hang it."""

from datetime import timedelta

import pytest
from django.utils import timezone

from engine.models import Release
from engine.steps.endpoint_compare.kind import sentence, veto
from engine.targets.base import Counts
from engine.workers import executor
from tests.engine.endpoint import figure, model_file
from tests.engine.steps.conftest import live


def counts(requests, errors=0, p95=10.0):
    return Counts(requests, errors, 0, p95, p95)


@pytest.mark.parametrize(
    ("mine", "theirs", "expected"),
    [
        (counts(100), counts(900), ""),
        (counts(4, 4), counts(900), ""),  # four requests say nothing
        (counts(10, 1), counts(900), "1 of 10 requests failed (10%; live 0%)"),
        (counts(100, 2), counts(900), ""),  # within the share that is allowed
        (counts(100, 12), counts(100, 10), ""),  # live fails as much
        (counts(100, 13), counts(100, 10), "13 of 100 requests failed (13%; live 10%)"),
        (counts(5, 1), counts(0), "1 of 5 requests failed (20%; live 0%)"),
        (counts(20, p95=300.0), counts(20, p95=50.0), "p95 is 300 ms; live 50 ms"),
        (counts(19, p95=300.0), counts(20, p95=50.0), ""),  # too few to speak of latency
        (counts(20, p95=300.0), counts(19, p95=50.0), ""),
        (counts(20, p95=20.0), counts(20, p95=1.0), ""),  # twenty milliseconds of grace
        (Counts(20, 0, 0, None, None), counts(20), ""),
    ],
)
def test_real_requests_can_only_veto(mine, theirs, expected):
    assert veto(mine, theirs, more_errors=0.02, slower=3.0) == expected


BASE = {
    "veto": "",
    "difference": 0.05,
    "low": 0.01,
    "high": 0.09,
    "n": 221,
    "metric": "auc",
    "requests": 40,
    "errors": 1,
}


@pytest.mark.parametrize(
    ("outputs", "expected"),
    [
        ({"verdict": "better"}, "better than version 3: +0.050 auc (+0.010 to +0.090), n 221; 40 requests"),
        ({"verdict": "same"}, "as good as version 3: +0.050 auc (+0.010 to +0.090), n 221; 40 requests"),
        ({"verdict": "worse", "veto": "p95 is 9 ms"}, "worse than version 3: p95 is 9 ms"),
        ({"verdict": "unknown", "difference": None}, "not compared on a holdout; 40 requests, 1 failed"),
    ],
)
def test_the_sentence_has_its_numbers(outputs, expected):
    assert sentence({**BASE, **outputs}, Release(number=3)) == expected


LEAF = (
    "uses: endpoint.compare, with: {holdout: '${{ inputs.holdout }}', label: '${{ inputs.label }}', requests: %d, "
    "at_most: %d}"
)


@pytest.fixture
def beside(step, churn, target, release, hand_in):
    """Version 2 beside a live version 1, both files known."""
    first, second = hand_in(), hand_in(model_file("1.7.2", "other"))
    release(1, 100, artefact=first["sha256"])
    target.comes_to("score-live", figure(0.7, 0.6, 0.8), files={"scores.json": "a" * 64})
    target.comes_to(
        "compare", {"verdict": "better", "difference": 0.1, "interval": [0.02, 0.18], "n": 221, "metric": "auc"}
    )
    rows = {"holdout": hand_in(b"age,y\n40,1\n", "rows.csv"), "label": "y"}

    def compare(requests=0, at_most=60, **more):
        def ours(run):
            release(2, 0, run, artefact=second["sha256"])
            live(churn, target, {"1": 90, "2": 10})

        return step(LEAF % (requests, at_most), deployment=churn, release=ours, **{**rows, **more})

    return compare


@pytest.mark.django_db
def test_the_paired_difference_decides(beside, target):
    row = beside()
    assert row.state == "succeeded", row.reason
    assert (row.outputs["verdict"], row.outputs["low"], row.outputs["n"]) == ("better", 0.02, 221)
    assert target.started() == ["score-live", "compare"]


@pytest.mark.django_db
def test_failing_requests_veto_what_the_holdout_says(beside, churn, target):
    target.counted[churn.route_name] = {"1": counts(90), "2": counts(10, 5)}
    row = beside(requests=5)
    assert (row.outputs["verdict"], row.outputs["errors"]) == ("worse", 5)
    assert row.outputs["veto"] == "5 of 10 requests failed (50%; live 0%)"


@pytest.mark.django_db
def test_it_waits_for_requests_but_not_for_ever(beside):
    row = beside(requests=5, at_most=60)
    assert (row.state, row.note) == ("waiting", "0 of 5 requests")
    row.run.steps.update(wake_at=timezone.now(), started_at=timezone.now() - timedelta(seconds=61))
    executor.drain()
    row.refresh_from_db()
    assert (row.state, row.outputs["verdict"], row.outputs["requests"]) == ("succeeded", "better", 0)


@pytest.mark.django_db
def test_without_a_holdout_only_requests_are_looked_at(beside):
    row = beside(holdout=None, label=None)
    assert row.outputs["verdict"] == "unknown"
    assert row.note == "not compared on a holdout; 0 requests, 0 failed"


@pytest.mark.django_db
def test_the_only_version_has_nothing_to_compare_with(step, churn, release):
    row = step(LEAF % (0, 60), deployment=churn, release=lambda run: release(1, 100, run))
    assert (row.outputs, row.note) == ({"verdict": "first"}, "the only version: nothing to compare with")
