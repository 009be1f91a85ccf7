"""service.release: starts a new release, gives it the requests when it answers, keeps the one before."""

import pytest

from engine.actions.roll_back import RollBack
from engine.models import Release
from engine.outcomes import Succeeded
from engine.steps.service_release.kind import hint
from engine.targets.base import State

pytestmark = pytest.mark.django_db

LEAF = 'uses: service.release, with: {app: "${{ inputs.app }}"}'
TWO = "web: exec python web.py\nworker: python worker.py\nrelease: python release.py\n"


def names(target, verb="apply"):
    return [name.partition(".")[2] or name.rpartition("-")[0] for done, name in target.calls if done == verb]


def test_the_release_command_comes_first_then_what_answers_then_the_requests_then_the_workers(
    step, churn, app_file, target
):
    row = step(LEAF, deployment=churn, app=app_file(procfile=TWO))
    assert row.state == "succeeded", row.reason
    assert row.note == "release 1 gets every request; runs web.1, worker.1"
    assert [(verb, name.partition(".")[2]) for verb, name in target.calls if verb != "discard"] == [
        ("apply", ""), ("apply", "web.1"), ("route", ""), ("apply", "worker.1"),
    ]  # fmt: skip
    assert churn.traffic() == {"1": 100}
    assert row.outputs["processes"] == ["web.1", "worker.1"]


def test_the_release_before_is_kept_without_its_workers_and_what_is_older_is_gone(step, churn, app_file, target):
    for says in ("one", "two", "three"):
        assert step(LEAF, deployment=churn, app=app_file(procfile=TWO, says=says)).state == "succeeded"
    assert churn.traffic() == {"2": 0, "3": 100}
    first, second, third = Release.objects.order_by("number")
    state = {n: target.statuses[w].state for r in (first, second, third) for n, w in
             ((f"{r.number} {p}", w) for p, w in r.processes.items())}  # fmt: skip
    assert state == {
        "1 web.1": State.STOPPED, "1 worker.1": State.STOPPED, "2 web.1": State.READY, "2 worker.1": State.STOPPED,
        "3 web.1": State.READY, "3 worker.1": State.READY,
    }  # fmt: skip
    assert target.sources() == {r.settings["source"]["name"] for r in (second, third)}
    assert first.retired_at


def test_a_run_that_fails_after_the_switch_gives_requests_and_workers_back(step, churn, app_file, target, endpoint):
    step(LEAF, deployment=churn, app=app_file(procfile=TWO))
    endpoint.broken = {"2"}
    flow = f"""
- {{id: a, {LEAF}}}
- {{id: b, uses: service.check}}
"""
    assert step("", flow=flow, deployment=churn, app=app_file(procfile=TWO, says="two")).state == "failed"
    assert churn.traffic() == {"1": 100}
    first, second = Release.objects.order_by("number")
    assert target.statuses[first.processes["worker.1"]].state == State.READY
    assert target.statuses[second.processes["worker.1"]].state == State.STOPPED


def test_after_going_back_the_next_release_keeps_what_was_live_and_not_what_was_gone_back_from(
    step, churn, app_file, target, alice
):
    for says in ("one", "two"):
        step(LEAF, deployment=churn, app=app_file(says=says))
    RollBack(churn, alice).execute()
    step(LEAF, deployment=churn, app=app_file(says="three"))
    assert churn.traffic() == {"1": 0, "3": 100}
    third = Release.objects.get(number=3)
    assert third.previous() == Release.objects.get(number=1)
    (routed,) = target.routes.values()
    assert routed.route.fallback == "1"


def test_a_release_command_that_fails_leaves_the_release_before_answering(step, churn, app_file, target):
    step(LEAF, deployment=churn, app=app_file(procfile=TWO))
    target.comes_to("release-command", state=State.FAILED, reason="It ended with 1.", log="half of it is done\n")
    row = step(LEAF, deployment=churn, app=app_file(procfile=TWO, says="two"))
    assert row.state == "failed"
    assert row.reason.startswith("The release command failed: It ended with 1. Its last line: half of it is done")
    assert "What it had done by then stays done" in row.reason
    assert churn.traffic() == {"1": 100}


@pytest.mark.parametrize(
    ("state", "reason", "said"),
    [
        (State.FAILED, "It ended again and again right after its start. It said last: KeyError: 'X'", "config set"),
        (State.FAILED, "It ended. It said last: Address already in use", "listen on $PORT"),
        (State.STARTING, "It listens on 5000 and not on 4123, the port it was given as $PORT.", "within 1e-09 s"),
    ],
)
def test_what_does_not_come_up_gets_no_request_and_is_stopped(step, churn, app_file, target, state, reason, said):
    step(LEAF, deployment=churn, app=app_file())
    apply = target.apply

    def failing(workload):
        target.ends(workload.name, state, reason=reason)
        return apply(workload)

    target.apply = failing
    leaf = 'uses: service.release, with: {app: "${{ inputs.app }}", boot: 1.0e-9}'
    row = step(leaf, deployment=churn, app=app_file(says="two"))
    assert row.state == "failed"
    assert row.reason.startswith("web.1 did not ")
    assert reason in row.reason
    assert said in row.reason
    assert churn.traffic() == {"1": 100}
    second = Release.objects.get(number=2)
    assert target.statuses[second.answering[0]].state in (State.FAILED, State.STOPPED)


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("It said last: KeyError: 'SHOP_KEY'", "a setting: desirepath config set churn KEY=…"),
        (
            "It said last: Error 111 connecting to localhost:6379. Connection refused.",
            "start it, and say where: desirepath",
        ),
        ("It said last: ModuleNotFoundError: No module named 'packaging'", "add it to the app's list"),
        ("It said last: ModuleNotFoundError: No module named 'pkg_resources'", "add setuptools<81 to the packages"),
        (
            "It does not listen on 1, the port it was given as $PORT. It said last: ImportError: x",
            "add it to the app's",
        ),
        ("It listens on 2 and not on 1, the port it was given as $PORT.", "--bind 0.0.0.0:$PORT"),
    ],
)
def test_what_went_wrong_is_told_with_what_to_write_where(reason, said):
    assert said in hint(reason, "churn", "web.1")


def test_a_process_that_ends_well_may_be_meant_for_once():
    told = hint("It ended again and again right after its start. It ended with 0.", "churn", "seed.1", ended_well=True)
    assert told.endswith('Is it for once? Then in app.json: {"formation": {"seed": {"quantity": 0}}}')


def test_a_failure_says_where_all_of_it_is_said(step, churn, app_file, target):
    apply = target.apply

    def failing(workload):
        target.ends(workload.name, State.FAILED, reason="It ended with 1.")
        return apply(workload)

    target.apply = failing
    row = step(LEAF, deployment=churn, app=app_file())
    assert row.reason == "web.1 did not start. It ended with 1. All it said: desirepath logs churn --process web.1"


def test_a_program_knows_its_name_and_is_not_told_that_it_is_on_heroku(step, churn, app_file, target):
    step(LEAF, deployment=churn, app=app_file(procfile="worker: celery worker -n $PROCESS\n"))
    (work,) = (work for name, work in target.workloads.items() if name.endswith("worker.1"))
    assert work.env["PROCESS"] == "worker.1"
    assert "DYNO" not in work.env


def test_secrets_are_made_up_once_and_reach_the_programs_and_no_row(step, churn, app_file, target):
    wanted = {"env": {"SECRET_KEY": {"generator": "secret"}, "MODE": "quiet"}}
    for says in ("one", "two"):
        step(LEAF, deployment=churn, app=app_file(app_json=wanted, says=says))
    secret = churn.settings()["SECRET_KEY"]
    webs = [work for name, work in target.workloads.items() if name.endswith("web.1")]
    assert [dict(web.secrets) for web in webs] == [{"SECRET_KEY": secret}] * 2
    assert webs[0].env["MODE"] == "quiet"
    assert secret not in str(list(Release.objects.values())) + str(list(churn.events.values()))


def test_an_app_without_web_has_no_address_and_its_workers_are_watched(step, churn, app_file, target):
    row = step(LEAF, deployment=churn, app=app_file(procfile="worker: python worker.py\n"))
    assert row.state == "succeeded", row.reason
    assert churn.traffic() == {"1": 100}
    churn.refresh_from_db()
    assert churn.address == ""
    assert target.routes == {}


def test_as_many_run_as_the_service_is_scaled_to(step, churn, app_file, target):
    churn.scale = {"web": 2}
    churn.save()
    step(LEAF, deployment=churn, app=app_file())
    (route,) = target.routes.values()
    (backend,) = route.route.backends
    assert [name.partition(".")[2] for name in (backend.workload, *backend.more)] == ["web.1", "web.2"]
    assert route.route.own_errors


def test_killed_after_the_switch_it_goes_on_with_the_same_release(step, churn, app_file, target, monkeypatch):
    from engine.models import Deployment
    from engine.workers import executor

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Deployment, "retire_older", killed)
    with pytest.raises(KeyboardInterrupt):
        step(LEAF, deployment=churn, app=app_file(procfile=TWO))
    monkeypatch.undo()
    monkeypatch.setattr("engine.models.target.connect", lambda kind: target)
    row = churn.runs.get().steps.get(leaf="a")
    outcome = executor.outcome_of(row)
    assert isinstance(outcome, Succeeded)
    assert outcome.outputs["release"] == 1
    assert names(target) == ["release-command", "web.1", "worker.1"]
    assert Release.objects.count() == 1


def test_a_plan_says_what_would_run(app_file, plan_of):
    assert plan_of(LEAF, app=app_file(procfile=TWO)) == [
        "run python release.py",
        "create a release of churn: web, worker",
    ]
    assert plan_of(LEAF) == ["create a release of churn: its processes"]
