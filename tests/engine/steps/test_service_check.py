"""service.check: the service answers on its address, and its processes have kept running."""

import time

import pytest
from django.utils import timezone

from engine.models import Release
from engine.targets.base import State
from tests.engine.steps.conftest import live

pytestmark = pytest.mark.django_db


@pytest.fixture
def check(step, churn, target, app_release):
    def go(leaf="uses: service.check", since=None, **more):
        """`since`: how many seconds before now it was begun, as a release that was done before."""

        def first(run):
            made = app_release(1, 100, run, **more)
            live(churn, target, {"1": 100})
            if since is not None:
                began = dict.fromkeys((*made.answering, *made.beside), time.time() - since)
                settings = {**made.settings, "begun": began}
                Release.objects.filter(pk=made.pk).update(done_at=timezone.now(), settings=settings)

        return lambda: step(leaf, deployment=churn, release=first)

    return go


def test_it_is_met_when_the_release_answers(check):
    row = check()()
    assert row.state == "succeeded", row.reason
    assert row.note.startswith("release 1 answers 200 in ")


@pytest.mark.parametrize(
    ("status", "path", "state"), [(404, "", "succeeded"), (404, "/x", "failed"), (500, "", "failed")]
)
def test_a_path_that_was_named_has_to_answer_well_and_any_other_only_without_an_error(
    check, endpoint, status, path, state
):
    endpoint.status = status
    row = check(f"uses: service.check, with: {{path: {path}}}" if path else "uses: service.check")()
    assert row.state == state, row.reason
    assert state == "succeeded" or f"answered {status}" in row.reason


def test_a_process_that_does_not_run_is_named(check, target):
    target.ends("r1.worker.1", State.FAILED, reason="It ended with 1.")
    row = check()()
    assert (row.state, row.reason) == ("failed", "worker.1 does not run. It ended with 1.")


def test_processes_have_to_have_run_for_as_long_as_is_asked(check):
    row = check("uses: service.check, with: {steady: 60}")()
    assert row.state == "failed"
    assert row.reason == "web.1 has run for 0 of 60 s"


@pytest.mark.parametrize(("since", "state"), [(0, "succeeded"), (20, "succeeded"), (45, "failed")])
def test_of_a_release_that_was_done_only_a_process_that_was_not_begun_on_purpose_is_news(check, since, state):
    """Going back to it and scaling it begin processes; one that began long after is one that had ended by itself."""
    row = check("uses: service.check, with: {steady: 60}", since=since)()
    assert row.state == state, row.reason


def test_what_is_begun_is_noted_once_and_what_runs_stays_as_it_began(app_release, target):
    made = app_release(1)
    (began,) = made.begun.values()
    assert made.begin(target, answering=True) == ["r1.web.1"]
    assert made.begun == {"r1.web.1": began}
    target.ends("r1.web.1", State.FAILED)
    made.begin(target, answering=True)
    assert made.begun["r1.web.1"] > began


def test_nobody_answering_is_worth_another_try(check, target):
    target.address = "http://127.0.0.1:9"
    row = check("uses: service.check, with: {within: 0.5}")()
    assert "did not answer within 0.5 s" in row.reason


def test_a_plan_only_looks(plan_of):
    assert plan_of("uses: service.check") == ["look whether the service answers"]
