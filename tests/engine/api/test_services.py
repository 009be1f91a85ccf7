"""/api/deployments/…: settings, processes and one-off commands of an app, and a name made for its settings."""

import io
from typing import Any, cast

import pytest

from engine.models import Artefact, Deployment, Release, StepRun
from engine.targets.base import Kind, State, Workload
from tests.engine.api.conftest import standard

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop(live, target, team, alice):
    """An app that is live: web and a worker."""
    from tests.apps import packed

    found = live({"1": 100})
    release = Release.objects.get(number=1)
    programs = [
        {"process": f"{what}.1", "answers": what == "web", "workload": Workload(
            f"r1.{what}.1", Kind.SERVICE, ("true",), health="/" if what == "web" else "").stored()}
        for what in ("web", "worker")
    ]  # fmt: skip
    release.artefact = Artefact.objects.keep(
        io.BytesIO(packed(procfile="web: a\nworker: b\n")), "shop.tar.gz", team, alice
    ).sha256
    environment = {"python": "3.11", "requirements": [], "optional": []}
    source = {"name": "app-1", "archive": release.artefact}
    release.settings = {"programs": programs, "check": None, "source": source, "environment": environment, "env": {}}
    release.workload = "r1"
    release.save()
    for one in programs:
        target.apply(Workload.read(cast(Any, one["workload"])))
    return Deployment.objects.get(pk=found.pk)


def test_nobody_else_reads_or_changes_anything(as_bob, as_charlie, shop):
    here = f"deployments/{shop.pk}/"
    writes = [("patch", "config/"), ("post", "again/"), ("post", "scale/"), ("post", "exec/")]
    for method, path in writes:
        standard(getattr(as_charlie, method)(here + path, {}), 404)
        standard(getattr(as_bob, method)(here + path, {}), 403)
    standard(as_charlie.get(f"{here}config/"), 404)
    standard(as_bob.get(f"{here}exec/exec-1/"), 403)
    assert as_bob.get(f"{here}config/").json() == []


def test_settings_are_set_and_taken_away_and_no_answer_has_a_value(as_alice, shop):
    here = f"deployments/{shop.pk}/config/"
    answer = as_alice.patch(here, {"values": {"KEY": "much-hush", "MODE": " spaced "}})
    assert [row["key"] for row in answer.json()] == ["KEY", "MODE"]
    assert "hush" not in answer.content.decode() + as_alice.get(here).content.decode()
    assert shop.settings()["MODE"] == " spaced "
    assert [row["key"] for row in as_alice.patch(here, {"values": {"KEY": None}}).json()] == ["MODE"]
    (error,) = standard(as_alice.patch(here, {"values": {"PORT": "1"}}), 400)
    assert "given to every program" in error["detail"]


def test_processes_are_told_as_they_run(as_alice, shop, target):
    target.ends("r1.worker.1", State.FAILED, reason="It ended with 1.")
    found = as_alice.get(f"deployments/{shop.pk}/").json()["processes"]
    assert [(row["name"], row["state"], row["reason"]) for row in found] == [
        ("web.1", "ready", ""), ("worker.1", "failed", "It ended with 1."),
    ]  # fmt: skip


def test_scaling_starts_and_stops_what_is_asked_and_the_next_release_follows(as_alice, shop, target):
    answer = as_alice.post(f"deployments/{shop.pk}/scale/", {"counts": {"web": 2, "worker": 0}})
    assert [row["name"] for row in answer.json()["processes"]] == ["web.1", "web.2"]
    (route,) = target.routes.values()
    assert route.route.backends[0].more == ("r1.web.2",)
    assert target.status("r1.worker.1").state == State.ABSENT
    shop.refresh_from_db()
    assert shop.scale == {"web": 2, "worker": 0}


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ({"web": 0}, "web cannot be 0"),
        ({"clock": 1}, "has no process clock; it has web, worker"),
        ({"worker": 51}, "worker can run 0 to 50 times, not 51"),
        ({"worker": -1}, "worker can run 0 to 50 times, not -1"),
    ],
)
def test_a_count_that_cannot_be_is_refused(as_alice, shop, counts, said):
    (error,) = standard(as_alice.post(f"deployments/{shop.pk}/scale/", {"counts": counts}), 409)
    assert said in error["detail"]


def test_a_command_runs_with_the_settings_and_what_it_printed_is_read_on(as_alice, shop, target):
    shop.configure({"KEY": "much-hush"}, None)
    started = as_alice.post(f"deployments/{shop.pk}/exec/", {"command": ["python", "-c", "print(1)"]})
    assert started.status_code == 201
    job = started.json()["job"]
    work = target.workloads[job]
    assert work.argv[-3:] == ("python", "-c", "print(1)")
    assert dict(work.secrets) == {"KEY": "much-hush"}
    found = as_alice.get(f"deployments/{shop.pk}/exec/{job}/").json()
    assert (found["ended"], found["exit_code"]) == (True, 0)
    assert [e.text for e in shop.events.filter(kind="deployment.exec")] == ["Alice ran python in release 1"]
    standard(as_alice.get(f"deployments/{shop.pk}/exec/exec-of-somebody-else/"), 404)


def test_what_is_no_app_has_none_of_it(as_alice, live):
    churn = live({"1": 100})
    for path, body, said in (
        ("scale/", {"counts": {"web": 2}}, "churn has no processes that can be scaled"),
        ("exec/", {"command": ["ls"]}, "churn has no release that a command could run in"),
    ):
        (error,) = standard(as_alice.post(f"deployments/{churn.pk}/{path}", body), 409)
        assert error["detail"] == said
    assert not churn.events.filter(kind__in=("deployment.scaled", "deployment.exec")).exists()


def test_logs_are_of_the_process_that_is_named(as_alice, shop, target):
    target.printed["r1.worker.1"] = "tick\n"
    assert as_alice.get(f"deployments/{shop.pk}/logs/", process="worker.1").json()["text"] == "tick\n"
    (error,) = standard(as_alice.get(f"deployments/{shop.pk}/logs/", process="clock.1"), 404)
    assert "it has web.1, worker.1" in error["detail"]


def test_releasing_again_is_a_run_like_the_one_that_made_it(as_alice, shop):
    answer = as_alice.post(f"deployments/{shop.pk}/again/")
    assert answer.status_code == 201, answer.content
    (error,) = standard(as_alice.post(f"deployments/{shop.pk}/again/"), 409)
    assert "is changing churn" in error["detail"]
    assert StepRun.objects.filter(run_id=answer.json()["id"]).exists()


def test_a_name_is_made_for_its_settings_and_found_again(as_alice, as_bob, on):
    first = as_alice.post("deployments/", {"name": "guestbook"})
    assert first.status_code == 201, first.content
    assert as_alice.post("deployments/", {"name": "guestbook"}).json()["id"] == first.json()["id"]
    (error,) = standard(as_alice.post("deployments/", {"name": "Guest Book"}), 400)
    assert "is not a name" in error["detail"]
    standard(as_bob.post("deployments/", {"name": "guestbook"}), 403)
