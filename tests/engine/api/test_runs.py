"""/api/runs/: start, list, look, answer, resume, cancel."""

import pytest

from engine.models import Deployment, Event, Run, StepRun, Template
from engine.runs import transitions
from engine.steps import catalogue
from engine.targets.base import State
from engine.workers import executor
from tests.engine.api.conftest import standard
from tests.engine.conftest import document

pytestmark = pytest.mark.django_db


def start(api, **more):
    return api.post("runs/", {"template": "probe", **more})


@pytest.mark.usefixtures("on", "revision")
class TestStart:
    def test_it_is_started_with_its_inputs(self, as_alice, file):
        answer = start(as_alice, inputs={"data": {"sha256": file.sha256}, "label": "y"}, name="churn")
        assert answer.status_code == 201
        found = answer.json()
        assert (found["state"], found["deployment"], found["template"]) == ("running", "churn", "probe 1")
        assert found["inputs"]["data"] == file.value()
        assert found["started_by"] == "alice"

    def test_everything_that_is_wrong_is_named_at_once(self, as_alice):
        errors = standard(start(as_alice, inputs={"colour": "red", "data": {"sha256": "0" * 64}}, name="Big One"), 400)
        said = {error["attr"]: error["detail"] for error in errors}
        assert said["colour"] == "is not an input of this template"
        assert said["data"] == "team Retention has no file 000000000000; upload it first"
        rule = "small letters, digits and -, beginning with a letter, at most 40"
        assert said["name"] == f"“Big One” is not a name: {rule}; “big-one” would be one"
        assert Run.objects.count() == 0

    def test_the_same_key_is_the_same_run(self, as_alice):
        first = start(as_alice, idempotency_key="once").json()
        assert start(as_alice, idempotency_key="once").json()["id"] == first["id"]
        assert start(as_alice, idempotency_key="twice").json()["id"] != first["id"]
        assert Run.objects.count() == 2

    def test_a_dry_run_says_what_it_would_do_and_changes_nothing(self, as_alice, target):
        answer = start(as_alice, name="churn", dry_run=True)
        assert answer.status_code == 200
        assert [(line["step"], line["verb"]) for line in answer.json()] == [
            ("Train", "run"), ("Train again", "ask"), ("Ask the owner", "ask"),
        ]  # fmt: skip
        assert (Run.objects.count(), Deployment.objects.count(), Event.objects.count()) == (0, 0, 0)
        assert target.calls == []

    def test_a_second_one_on_the_same_deployment_is_refused(self, as_alice):
        first = start(as_alice, name="churn").json()
        (error,) = standard(start(as_alice, name="churn"), 409)
        assert error["detail"] == f"run {first['id']} is changing churn already; wait for it, or cancel it"

    def test_who_may(self, as_bob, as_charlie, as_nobody):
        standard(start(as_bob), 403)
        standard(start(as_charlie, team="retention"), 404)
        standard(start(as_nobody), 401)
        assert Run.objects.count() == 0

    def test_without_a_template_it_is_the_one_published_for_the_persona(self, as_alice, alice, persona, revision):
        (error,) = standard(as_alice.post("runs/", {}), 400)
        assert error["attr"] == "template"
        revision.publish(alice)
        assert as_alice.post("runs/", {"persona": "ml-engineer"}).json()["template"] == "probe 1"


def test_it_is_read_by_the_team_and_by_nobody_else(as_alice, as_bob, as_charlie, as_nobody, run):
    for api in (as_alice, as_bob):
        found = api.get(f"runs/{run.pk}/").json()
        assert [(step["leaf"], step["state"]) for step in found["steps"]] == [
            ("train", "succeeded"), ("retrain", "waiting"),
        ]  # fmt: skip
        assert [row["id"] for row in api.get("runs/").json()] == [run.pk]
    assert as_charlie.get("runs/").json() == []
    for path in ("", "events/", "resume/", "steps/train/logs/"):
        standard(as_charlie.get(f"runs/{run.pk}/{path}"), 404)
    for path in ("cancel/", "resume/", "steps/retrain/confirm/", "steps/owner/approve/"):
        standard(as_charlie.post(f"runs/{run.pk}/{path}"), 404)
    standard(as_nobody.get(f"runs/{run.pk}/"), 401)


def test_its_events_are_read_on_from_the_last(as_bob, run):
    rows = as_bob.get(f"runs/{run.pk}/events/").json()
    assert [row["kind"] for row in rows] == ["run.started", "step.succeeded", "step.asks"]
    assert as_bob.get(f"runs/{run.pk}/events/", after=rows[0]["id"]).json() == rows[1:]
    standard(as_bob.get(f"runs/{run.pk}/events/", after="x"), 400)


def test_what_a_step_printed(as_bob, run):
    assert as_bob.get(f"runs/{run.pk}/steps/train/logs/").json() == {"text": "3 rows\n", "offset": 7}
    assert as_bob.get(f"runs/{run.pk}/steps/train/logs/", offset=-5).json()["text"] == "rows\n"
    standard(as_bob.get(f"runs/{run.pk}/steps/nothing/logs/"), 404)
    standard(as_bob.get(f"runs/{run.pk}/steps/train/logs/", offset="x"), 400)


def test_it_is_confirmed_and_approved_by_those_it_waits_for(as_alice, as_bob, run):
    (error,) = standard(as_bob.post(f"runs/{run.pk}/steps/retrain/confirm/", {"values": {"why": "x"}}), 409)
    assert error["detail"] == "This waits for team, not for you."
    assert as_alice.post(f"runs/{run.pk}/steps/retrain/confirm/", {"values": {"why": "x"}}).status_code == 200
    executor.drain()
    (error,) = standard(as_alice.post(f"runs/{run.pk}/steps/retrain/confirm/", {}), 404)
    assert (
        error["detail"] == f"Step retrain of run {run.pk} does not ask for this. Steps that wait for a person: owner."
    )
    standard(as_bob.post(f"runs/{run.pk}/steps/owner/approve/", {}), 409)
    assert as_alice.post(f"runs/{run.pk}/steps/owner/approve/", {"comment": "yes"}).status_code == 200
    executor.drain()
    assert as_alice.get(f"runs/{run.pk}/").json()["state"] == "succeeded"


def test_an_approval_is_not_given_by_confirming(as_alice, run):
    standard(as_alice.post(f"runs/{run.pk}/steps/retrain/approve/", {}), 404)
    assert StepRun.objects.get(leaf="retrain").state == "waiting"


def test_it_is_cancelled_once_by_somebody_who_may(as_alice, as_bob, run):
    standard(as_bob.post(f"runs/{run.pk}/cancel/"), 403)
    assert as_alice.post(f"runs/{run.pk}/cancel/").json()["state"] == "cancelling"
    executor.drain()
    (error,) = standard(as_alice.post(f"runs/{run.pk}/cancel/"), 409)
    assert error["detail"] == f"run {run.pk} is cancelled already"


def test_a_failed_one_shows_what_it_would_run_again_and_resumes(as_alice, as_bob, on, revision, target):
    target.comes_to("command", state=State.FAILED, reason="It ended with 1")
    run = start(as_alice).json()["id"]
    executor.drain()
    assert as_alice.get(f"runs/{run}/").json()["reason"] == "Train: It ended with 1."
    assert [step["leaf"] for step in as_bob.get(f"runs/{run}/resume/").json()] == ["train"]
    standard(as_bob.post(f"runs/{run}/resume/"), 403)
    target.comes_to("command", {})
    assert as_alice.post(f"runs/{run}/resume/").json()["state"] == "running"
    executor.drain()
    assert StepRun.objects.get(leaf="train").attempt == 2
    standard(as_alice.post(f"runs/{run}/resume/"), 409)


def test_it_is_paused_and_continued_by_somebody_who_may(as_alice, as_bob, as_charlie, run):
    for verb in ("pause", "continue", "tell"):
        standard(as_bob.post(f"runs/{run.pk}/{verb}/", {"name": "paid"}), 403)
        standard(as_charlie.post(f"runs/{run.pk}/{verb}/", {"name": "paid"}), 404)
    (error,) = standard(as_alice.post(f"runs/{run.pk}/continue/"), 409)
    assert error["detail"] == f"run {run.pk} is running; only a paused run is continued"
    assert as_alice.post(f"runs/{run.pk}/pause/").json()["state"] == "paused"
    assert as_alice.post(f"runs/{run.pk}/continue/").json()["state"] == "running"


def test_it_is_resumed_with_corrected_inputs(as_alice, on, revision, target):
    target.comes_to("command", state=State.FAILED, reason="It ended with 1")
    run = start(as_alice, inputs={"label": "x"}).json()["id"]
    executor.drain()
    (error,) = standard(as_alice.post(f"runs/{run}/resume/", {"inputs": {"colour": "red"}}), 400)
    assert error["attr"] == "colour"
    target.comes_to("command", {})
    assert as_alice.post(f"runs/{run}/resume/", {"inputs": {"label": "y"}}).json()["inputs"] == {"label": "y"}
    assert as_alice.get(f"runs/{run}/events/").json()[-1]["data"] == {"inputs": {"label": ["x", "y"]}}


def test_it_is_told_what_happened_while_it_goes_on(as_alice, run):
    sent = as_alice.post(f"runs/{run.pk}/tell/", {"name": "paid", "values": {"amount": 12}})
    assert (sent.status_code, run.signals.get().data) == (201, {"amount": 12})
    standard(as_alice.post(f"runs/{run.pk}/tell/", {"name": "with spaces"}), 400)
    as_alice.post(f"runs/{run.pk}/cancel/")
    executor.drain()
    standard(as_alice.post(f"runs/{run.pk}/tell/", {"name": "paid"}), 409)


def test_two_runs_are_compared(as_alice, as_charlie, on, revision, target):
    target.comes_to("command", {"rows": 3}, log="3 rows\n")
    first = start(as_alice, inputs={"label": "x"}).json()["id"]
    executor.drain()
    target.comes_to("command", {"rows": 4}, log="4 rows\n")
    second = start(as_alice, inputs={"label": "y"}).json()["id"]
    executor.drain()
    found = as_alice.get(f"runs/{second}/diff/{first}/").json()
    assert (found["before"], found["after"], found["first"]) == (first, second, "train")
    assert found["inputs"] == [{"where": "label", "what": "input", "before": "x", "after": "y"}]
    assert [(d["what"], d["after"]) for d in found["steps"]] == [
        ("output last_line", "4 rows"), ("output result", {"rows": 4}),
    ]  # fmt: skip
    standard(as_charlie.get(f"runs/{second}/diff/{first}/"), 404)


def test_many_queued_steps_are_a_few_queries_more(as_alice, team, on, alice, django_assert_max_num_queries):
    branches = ", ".join(f"[{{id: s{i}, uses: manual, mutex: gpu}}]" for i in range(40))
    checked = catalogue.from_yaml(document(f"- parallel: [{branches}]"))
    revision = Template.objects.keep(checked, alice)
    run = transitions.start(Run(revision=revision, team=team, target=on, started_by=alice))
    executor.drain()
    assert run.steps.exclude(queue="").count() == 39
    with django_assert_max_num_queries(30):
        told = as_alice.get(f"runs/{run.pk}/").json()
    queued = [step["waits"] for step in told["steps"] if step["waits"]]
    assert len(queued) == 39
    assert all("waits for the mutex gpu, held by run" in said for said in queued)
