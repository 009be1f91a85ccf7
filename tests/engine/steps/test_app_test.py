"""app.test: an app's own tests, in a copy of its folder that is thrown away."""

import pytest

from engine.targets.base import State

pytestmark = pytest.mark.django_db

LEAF = 'uses: app.test, with: {app: "${{ inputs.app }}"}'
DESCRIBED = {
    "env": {"SECRET_KEY": {"generator": "secret"}, "MODE": "quiet"},
    "environments": {"test": {"scripts": {"test": "python -m unittest"}, "env": {"MODE": "loud"}}},
}


def test_they_see_the_test_settings_and_made_up_secrets_and_none_of_the_live_ones(step, churn, app_file, target):
    churn.configure({"SECRET_KEY": "the live one"}, None)
    target.comes_to("test", log="Ran 3 tests\nOK\n")
    row = step(LEAF, deployment=churn, app=app_file(app_json=DESCRIBED))
    assert (row.state, row.note) == ("succeeded", "OK")
    (job,) = target.workloads.values()
    assert (job.env["MODE"], job.env["CI"]) == ("loud", "true")
    assert job.env["SECRET_KEY"]
    assert "the live one" not in str(job) + str(dict(job.secrets))
    assert job.argv[-1] == "python -m unittest"


def test_the_copy_is_thrown_away_however_they_end(step, churn, app_file, target):
    for state in (State.SUCCEEDED, State.FAILED):
        target.comes_to("test", state=state, reason="It ended with 1.")
        step(LEAF, deployment=churn, app=app_file(app_json=DESCRIBED))
    assert [verb for verb, _ in target.calls] == ["apply", "discard"] * 2
    assert target.sources() == set()


def test_tests_that_fail_fail_the_step_with_what_they_said_last(step, churn, app_file, target):
    target.comes_to("test", state=State.FAILED, reason="It ended with 1.", log="FAILED (failures=1)\n")
    row = step(LEAF, deployment=churn, app=app_file(app_json=DESCRIBED))
    assert row.state == "failed"
    assert "It ended with 1." in row.reason
    assert "FAILED (failures=1)" in row.reason


def test_an_app_that_names_none_skips_the_step_and_says_where_they_are_named(step, churn, app_file, target):
    row = step(LEAF, deployment=churn, app=app_file())
    assert (row.state, row.reason) == (
        "skipped",
        "app.json names no tests (they are its environments.test.scripts.test)",
    )
    assert target.calls == []


def test_another_command_may_be_given(step, churn, app_file, target):
    step('uses: app.test, with: {app: "${{ inputs.app }}", command: "make test"}', deployment=churn, app=app_file())
    (job,) = target.workloads.values()
    assert job.argv[-1] == "make test"


def test_a_plan_names_the_command(app_file, plan_of):
    assert plan_of(LEAF, app=app_file(app_json=DESCRIBED)) == ["run python -m unittest"]
    assert plan_of(LEAF) == ["run the app's own tests"]
