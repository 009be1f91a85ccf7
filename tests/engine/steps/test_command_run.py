"""command.run: a command of a person's own, as a job on the target."""

import pytest

from engine.targets.base import State

pytestmark = pytest.mark.django_db


def test_its_result_and_last_line_are_outputs(step, target):
    target.comes_to("command", {"rows": 3}, log="reading\n3 rows\n")
    row = step("uses: command.run, with: {command: 'python count.py', env: {SIZE: '3'}}")
    assert row.state == "succeeded"
    assert row.outputs == {"result": {"rows": 3}, "last_line": "3 rows"}
    (work,) = target.workloads.values()
    assert work.argv == ("/bin/sh", "-c", "python count.py")
    assert work.env == {"SIZE": "3"}


def test_a_failure_says_its_last_line(step, target):
    target.comes_to("command", state=State.FAILED, reason="It ended with 1", log="one\nno such table\n")
    row = step("uses: command.run, with: {command: 'false'}")
    assert row.state == "failed"
    assert row.reason == "It ended with 1. Its last line: no such table"


def test_an_error_it_wrote_itself_is_the_reason_and_is_not_tried_again(step, target):
    target.comes_to("command", {"error": "There is no such table."}, state=State.FAILED)
    row = step("uses: command.run, with: {command: 'false'}, retries: 3")
    assert (row.state, row.attempt, row.reason) == ("failed", 1, "There is no such table.")


def test_a_retry_is_a_new_job_with_a_new_name(step, target, monkeypatch):
    monkeypatch.setattr(
        "engine.runs.recording.wait_before_retry", lambda f, attempt, retries: 0 if attempt <= retries else None
    )
    target.comes_to("command", state=State.FAILED, reason="It ended with 1")
    row = step("uses: command.run, with: {command: 'false'}, retries: 2")
    assert (row.state, row.attempt) == ("failed", 3)
    assert target.started() == ["command"] * 3


def test_while_it_runs_it_is_looked_at_and_never_started_again(step, target):
    from django.utils import timezone

    from engine.workers import executor

    target.comes_to("command", state=State.RUNNING)
    row = step("uses: command.run, with: {command: 'sleep 9'}")
    for _ in range(3):
        row.run.steps.update(wake_at=timezone.now())
        executor.drain(limit=1)
    assert row.state == "waiting"
    assert target.calls == [("apply", row.effect_name("command", each_attempt=True))]


def test_its_packages_become_an_environment(step, target):
    row = step("uses: command.run, with: {command: 'true', requirements: [pandas], python: '3.12'}")
    assert row.state == "succeeded"
    (work,) = target.workloads.values()
    assert work.environment.python == "3.12"
    assert work.env["VIRTUAL_ENV_PYTHON"] == "{python}"
