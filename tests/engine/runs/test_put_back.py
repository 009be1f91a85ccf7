"""Failure and cancel put the traffic back as it was; resume takes up what the run had reached."""

from __future__ import annotations

import pytest

from engine.actions.resume import Resume
from engine.models import Deployment, Release, Run, Target, Template
from engine.models.target import connect
from engine.queue.claims import claim
from engine.runs import transitions
from engine.statuses import RunState
from engine.steps import catalogue
from engine.targets.base import Kind, Workload
from engine.workers import executor
from people.models import Team, User
from tests.engine import kinds
from tests.engine.conftest import document

pytestmark = pytest.mark.django_db

FLOW = """
- {id: half, uses: endpoint.shift, with: {traffic: 50}}
- {id: check, uses: test.probe}
- {id: all, uses: endpoint.shift, with: {traffic: 100}}
"""


@pytest.fixture
def deployment(team: Team) -> Deployment:
    """Release 1 takes every request."""
    target = Target.objects.create(team=team, name="dummy", kind="dummy")
    found = Deployment.objects.create(team=team, target=target, name=f"churn-{team.pk}")
    release(found, 1, None, weight=100)
    found.send(target.connect(), {"1": 100}, "at first")
    return found


def release(deployment: Deployment, number: int, run: Run | None, weight: int = 0) -> Release:
    workload = f"w{number}-{deployment.pk}-{deployment.team_id}"
    connect("dummy").apply(Workload(workload, Kind.SERVICE, ("serve",)))
    return Release.objects.create(
        deployment=deployment,
        number=number,
        run=run,
        effect=workload,
        workload=workload,
        artefact="0" * 64,
        weight=weight,
    )


def start(deployment: Deployment, alice: User) -> Run:
    revision = Template.objects.keep(catalogue.from_yaml(document(FLOW)), alice)
    run = transitions.start(
        Run(revision=revision, team=deployment.team, target=deployment.target, deployment=deployment, started_by=alice)
    )
    release(deployment, 2, run)
    return run


def drained(run: Run) -> Run:
    executor.drain()
    return Run.objects.get(pk=run.pk)


def routed(deployment: Deployment) -> dict[str, int]:
    """What the target really does, not what our rows say."""
    status = connect("dummy").routed(deployment.route_name)
    assert status
    return {backend.release: backend.weight for backend in status.route.backends}


def test_a_failed_run_puts_the_traffic_back_and_resume_takes_it_up_again(deployment: Deployment, alice: User) -> None:
    kinds.FAILING["check"] = 1
    run = drained(start(deployment, alice))
    assert run.state == RunState.FAILED
    assert routed(deployment) == {"1": 100}
    assert deployment.traffic() == {"1": 100}  # nobody falls back to what a failed run left
    assert [r.number for r in deployment.releases.running()] == [1, 2]  # it stays up, so that resume is quick
    assert run.traffic_reached == {"1": 50, "2": 50}
    Resume(run, alice).execute()
    run = drained(run)
    assert run.state == RunState.SUCCEEDED
    assert routed(deployment) == {"1": 0, "2": 100}
    assert run.steps.filter(leaf="half").get().claim == 1  # what succeeded was not run again


def test_a_cancelled_run_puts_the_traffic_back_and_stops_its_release(deployment: Deployment, alice: User) -> None:
    run = start(deployment, alice)
    (step,) = claim("somebody")
    executor.execute(step)
    assert routed(deployment) == {"1": 50, "2": 50}
    transitions.cancel(run, alice)
    run = drained(run)
    assert run.state == RunState.CANCELLED
    assert deployment.traffic() == {"1": 100}
    assert routed(deployment)["1"] == 100
    assert deployment.releases.get(number=2).retired_at


def test_the_release_before_stays_ready_and_older_ones_are_stopped(deployment: Deployment, alice: User) -> None:
    for _ in range(2):
        run = drained(start_next(deployment, alice))
        assert run.state == RunState.SUCCEEDED
    running = list(deployment.releases.running().values_list("number", "weight"))
    assert running == [(2, 0), (3, 100)]


def start_next(deployment: Deployment, alice: User) -> Run:
    revision = Template.objects.keep(catalogue.from_yaml(document(FLOW)), alice)
    run = transitions.start(
        Run(revision=revision, team=deployment.team, target=deployment.target, deployment=deployment, started_by=alice)
    )
    release(deployment, deployment.releases.count() + 1, run)
    return run


def test_events_say_each_shift_once(deployment: Deployment, alice: User) -> None:
    drained(start(deployment, alice))
    shifts = deployment.events.filter(kind="traffic.shifted").values_list("text", flat=True)
    assert [text.split()[0] for text in shifts] == ["50", "100"]
