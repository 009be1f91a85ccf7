"""endpoint.release: a new release, started and given its first share, once."""

import pytest

from engine.models import Release
from engine.outcomes import Succeeded
from engine.targets.base import Kind, State
from tests.engine.endpoint import FILES, PREPARED
from tests.engine.steps.conftest import live

pytestmark = pytest.mark.django_db

LEAF = "uses: endpoint.release, with: {model: '${{ inputs.model }}', traffic: %d}"


@pytest.fixture
def prepared(target):
    target.comes_to("prepare", PREPARED, files=FILES)


def test_the_first_release_takes_every_request(step, churn, target, hand_in, prepared):
    row = step(LEAF % 0, deployment=churn, model=hand_in())
    assert row.state == "succeeded", row.reason
    assert row.outputs["release"] == 1
    assert row.outputs["address"] == target.address
    assert row.note == "version 1 answers as ONNX, 100 % of requests go to it"
    assert churn.traffic() == {"1": 100}


def test_beside_a_live_one_it_is_a_preview_and_is_started_with_what_its_row_says(
    step, churn, target, release, hand_in, prepared
):
    release(1, 100)
    live(churn, target, {"1": 100})
    row = step(LEAF % 0, deployment=churn, model=hand_in())
    assert row.note == "version 2 answers as ONNX, as a preview"
    assert churn.traffic() == {"1": 100, "2": 0}
    made = Release.objects.get(number=2)
    assert (made.run, made.artefact_name) == (row.run, "model.pkl")
    assert made.settings["packed"] == FILES["model.zip"]
    assert "scikit-learn==1.7.2" in made.settings["environment"]["requirements"]
    assert made.settings["packed"] in target.workloads[made.workload].argv


def test_an_engine_killed_after_any_effect_finds_what_it_made(step, churn, target, hand_in, prepared):
    """The same step claimed again makes no second row, job, server or change of the route."""
    row = step(LEAF % 0, deployment=churn, model=hand_in())
    calls = list(target.calls)
    from engine.workers import executor

    row.state = "running"
    again = executor.outcome_of(row)
    assert isinstance(again, Succeeded)
    assert again.outputs["release"] == 1
    assert Release.objects.count() == 1
    assert target.calls == calls


def test_a_server_that_does_not_come_up_is_said_with_its_reason(step, churn, target, hand_in, prepared):
    target.comes_to("server", state=State.FAILED, reason="It ended with 1.")
    row = step(LEAF % 0, deployment=churn, model=hand_in())
    assert (row.state, row.reason) == ("failed", "churn 1 did not start. It ended with 1.")
    assert target.routes == {}


def test_until_it_is_ready_it_waits_and_no_request_goes_there(step, churn, target, hand_in, prepared):
    target.comes_to("server", state=State.STARTING)
    row = step(LEAF % 0, deployment=churn, model=hand_in())
    assert (row.state, row.note) == ("waiting", "starting")
    assert target.started(Kind.SERVICE) == ["server"]
    assert target.routes == {}


def test_a_run_without_a_name_says_what_is_missing(step, hand_in, prepared):
    assert step(LEAF % 0, model=hand_in()).reason == "This run has no deployment: start it with a name."
