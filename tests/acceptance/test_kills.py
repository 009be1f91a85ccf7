"""kill -9 of engine, supervisord and gateway, spread over the ML run: it finishes, and nothing is done twice."""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml
from django.conf import settings
from django.utils import timezone

from engine.actions.start_run import StartRun
from engine.models import Artefact, Deployment, EngineHeartbeat, Event, Release, Revision, Run, StepRun, Template
from engine.models.target import connect
from engine.statuses import RunState
from engine.steps import catalogue
from engine.targets.local import LocalTarget
from people.models import Team, User
from server import example, starters
from tests.homes import (
    CHECKOUT,
    LABEL,
    Asking,
    answers,
    environments_folder,
    examples,
    home,
    live,
    row_of,
    seed,
)
from tests.waiting import until

pytestmark = [pytest.mark.kill, pytest.mark.model]
__all__ = ["environments_folder", "examples", "home", "seed"]

NAME = "progression"
KILLS = 20


class Engine:
    """`manage.py engine` in a process of its own, over the test's database file."""

    def __init__(self) -> None:
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        told = {"DESIREPATH_TESTS_HOME": str(settings.DESIREPATH_HOME), "DJANGO_SETTINGS_MODULE": "tests.settings"}
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", "engine"], cwd=CHECKOUT, env={**os.environ, **told},
            stdin=subprocess.DEVNULL,
        )  # fmt: skip

    def kill(self) -> None:
        assert self.process
        self.process.kill()
        self.process.wait(240)

    def stop(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(240)
            except subprocess.TimeoutExpired:
                self.kill()


@pytest.fixture
def engine(transactional_db: None, environments_folder: Path) -> Iterator[Engine]:
    folder = Path(settings.DESIREPATH_HOME)
    with contextlib.suppress(FileExistsError):
        (folder / "environments").symlink_to(environments_folder)
    connect.cache_clear()
    made = Engine()
    made.start()
    yield made
    made.stop()
    LocalTarget(folder).shutdown()
    shutil.rmtree(folder / "local", ignore_errors=True)
    connect.cache_clear()


@pytest.fixture
def champion(alice: User, team: Team) -> User:
    """Alice speaks for the ML engineers here, so she answers what the run asks."""
    team.add(alice, "champion")
    starters.bring()
    revision = Revision.objects.get(template__name="serve-model")
    assert revision.template.persona
    revision.template.persona.champions.create(user=alice)
    return alice


def ideal(user: User) -> Revision:
    """The template of the champion's ideal map."""
    document = yaml.safe_load(example.MODELS.ideal())["template"]
    return Template.objects.keep(catalogue.from_json(document), user)


def hand_in(path: Path, team: Team, user: User) -> dict[str, Any]:
    with path.open("rb") as stream:
        return Artefact.objects.keep(stream, path.name, team, user).value()


def begin(revision: Revision, model: str, examples: Path, team: Team, user: User) -> Run:
    inputs = {
        "model": hand_in(examples / model, team, user), "holdout": hand_in(examples / "holdout.csv", team, user),
        "label": LABEL,
    }  # fmt: skip
    return StartRun(revision, team, user, inputs, NAME).execute()


def test_twenty_kills_over_the_ml_run_lose_nothing_and_double_nothing(engine, champion, team, examples, capsys):
    first = begin(Revision.objects.get(template__name="serve-model"), "linear.pkl", examples, team, champion)
    until(lambda: Run.objects.get(pk=first.pk).ended, what="for the first model to be live")
    assert Run.objects.get(pk=first.pk).state == RunState.SUCCEEDED, Run.objects.get(pk=first.pk).reason

    run = begin(ideal(champion), "shallow.pkl", examples, team, champion)
    deployment = Deployment.objects.get(name=NAME)
    with Asking(deployment.address, row_of(examples / "holdout.csv")) as traffic:
        kills = Kills(engine, run)
        kills.go_on(champion, examples)
    run.refresh_from_db()
    doubled = doubles(run)
    finished = int(run.state == RunState.SUCCEEDED)
    with capsys.disabled():
        print(
            f"\nruns finished {finished} of 1 / kills {kills.count} {dict(kills.of)} / effects doubled {len(doubled)}"
        )
        print(f"{run.seconds:.0f} s; endpoint asked {traffic.asked}, not answered {traffic.failed}, "
              f"longest silence {traffic.longest:.1f} s")  # fmt: skip
    assert finished, run.reason
    assert kills.count >= KILLS
    assert doubled == []
    deployment.refresh_from_db()
    assert deployment.traffic() == {"1": 0, "2": 100}
    assert traffic.asked > traffic.failed


class Kills:
    """Ends one thing after another while the run goes on; answers what it asks."""

    def __init__(self, engine: Engine, run: Run) -> None:
        self.engine, self.run = engine, run
        self.target = LocalTarget(Path(settings.DESIREPATH_HOME))
        self.random = random.Random(7)
        self.count = 0
        self.of: Counter[str] = Counter()

    def go_on(self, champion: User, examples: Path) -> None:
        while self.count < KILLS and not self.over():
            self.kill_next()
            if self.count >= KILLS // 2:  # half of them before somebody answers, half after
                self.answer(champion, examples)

        def answered_and_over() -> bool:
            self.answer(champion, examples)
            return self.over()

        until(answered_and_over, what=self.where)

    def over(self) -> bool:
        return Run.objects.get(pk=self.run.pk).ended

    def kill_next(self) -> None:
        """Kill it once it is there, and return when the run goes on, or waits for a person with the victim back."""
        victim = ("engine", "supervisord", "gateway")[self.count % 3]
        pid = until(lambda: self.pid_of(victim), what=f"for {victim}")
        claims, killed_at = self.claims(), timezone.now()
        os.kill(pid, signal.SIGKILL)
        self.count += 1
        self.of[victim] += 1
        if victim == "engine":
            self.engine.kill()
            self.engine.start()
        until(
            lambda: self.claims() > claims or self.over() or (self.asked() and self.back(victim, pid, killed_at)),
            what=self.where,
        )
        time.sleep(self.random.uniform(0.05, 0.6))  # awaits nothing: the next kill comes at any moment of the work

    def back(self, victim: str, pid: int, killed_at: datetime) -> bool:
        """Whether another is there; an engine asks for work, too."""
        if victim == "engine":
            return EngineHeartbeat.objects.filter(started_at__gt=killed_at, claimed_at__gt=killed_at).exists()
        return self.pid_of(victim) not in (None, pid)

    def pid_of(self, victim: str) -> int | None:
        if victim == "engine":
            assert self.engine.process
            assert self.engine.process.poll() is None, "the engine ended by itself"
            return self.engine.process.pid
        if victim == "supervisord":
            return self.target.supervisor.pid()
        try:
            state = json.loads((self.target.places.workload("_gateway") / "state.json").read_text())
        except (OSError, ValueError):
            return None
        pid = (state.get("program") or {}).get("pid")
        return pid if pid and psutil.pid_exists(pid) else None

    def claims(self) -> int:
        return sum(self.run.steps.values_list("claim", flat=True))

    def asked(self) -> list[StepRun]:
        return list(self.run.waiting_steps())

    def answer(self, champion: User, examples: Path) -> None:
        for step in self.asked():
            if step.leaf == "retrain":
                model = hand_in(examples / "forest.pkl", step.run.team, champion)
                step.confirm(champion, {"model": model}, "a forest on all features")
            elif step.leaf == "owner":
                step.vote(champion, approve=True)

    def where(self) -> str:
        return "\n".join(f"{s} {s.state} {s.note} {s.reason}" for s in self.run.steps.all())


def doubles(run: Run) -> list[str]:
    """What was done more often than once, in words."""
    target = LocalTarget(Path(settings.DESIREPATH_HOME))
    found = []
    for step in run.steps.all():
        for job in step.checkpoint.get("jobs", []):
            if (starts := target.status(job).starts) != 1:
                found.append(f"job {job} of {step} was started {starts} times")
        ended = Counter(step.events.filter(kind="step.succeeded").values_list("data__attempt", flat=True))
        found += [f"{step} succeeded {n} times in attempt {attempt}" for attempt, n in ended.items() if n != 1]
    releases = list(Release.objects.filter(run=run))
    if len(releases) != 1:
        found.append(f"{len(releases)} releases")
    for release in releases:
        if (starts := target.status(release.workload).starts) != 1:
            found.append(f"the server of {release} was started {starts} times")
    if (ends := Event.objects.filter(run=run, kind="run.succeeded").count()) != 1:
        found.append(f"the run succeeded {ends} times")
    return found + unexplained_changes(run, target)


def unexplained_changes(run: Run, target: LocalTarget) -> list[str]:
    """Every change of the route is one shift that was noted, but for the preview, which has no share."""
    assert run.deployment
    routed = target.routed(run.deployment.route_name)
    assert routed
    shifts = Event.objects.filter(deployment=run.deployment, kind="traffic.shifted")
    shares = [{k: v for k, v in event.data["weights"].items() if v} for event in shifts]
    if routed.changes != len(shares) + 1:
        return [f"the route changed {routed.changes} times for {len(shares)} shifts and a preview"]
    # A rehearsal that was interrupted goes away and back once more; nothing else may come twice.
    once = [share for share in shares if share != {"1": 100}]
    return [] if [s for s in once if s == {"1": 90, "2": 10}] == [{"1": 90, "2": 10}] else [f"shifts: {shares}"]


def test_a_killed_gateway_is_back_though_nobody_looks_and_supervisord_is_dead(home, examples):
    """`up` alone looks after what runs: no step, no page, no request of ours does."""
    address = live(home, examples / "linear.pkl")["address"]
    row = row_of(examples / "holdout.csv")
    target = LocalTarget(home.folder)
    gateway = json.loads((target.places.workload("_gateway") / "state.json").read_text())["program"]["pid"]
    os.kill(target.supervisor.pid() or -1, signal.SIGKILL)
    os.kill(gateway, signal.SIGKILL)
    until(lambda: answers(address, row), what="for the endpoint")


def test_a_killed_up_leaves_no_web_or_engine_and_up_again_goes_on_while_the_endpoint_answers(home, examples):
    address = live(home, examples / "linear.pkl")["address"]
    client = home.client()
    with Asking(address, row_of(examples / "holdout.csv")) as asking:
        model = client.upload(examples / "forest.pkl")
        run = client.start({"model": model, "ask": "yes"}, template="quick", name=NAME)["id"]
        until(lambda: list(LocalTarget(home.folder).places.workloads.glob("prepare-*"))[1:])
        home.kill(signal.SIGKILL)
        until(lambda: not home.part("web") and not home.part("engine"), what="for web and engine to end")
        home.up()
        until(lambda: [s for s in client.run(run)["steps"] if s["asking"]], what=f"for {client.run(run)}")
        client.approve(run, "owner")
        until(lambda: client.run(run)["state"] == "succeeded", what=f"for {client.run(run)}")
    assert asking.asked > 20
    assert asking.failed == 0
    assert client.deployment(NAME)["traffic"] == {"1": 0, "2": 100}
