"""The embedded loop: threads that claim, wake when something is written, and stop when told."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from django.utils import timezone

from engine.models import EngineHeartbeat, Run, Schedule, Target, Template
from engine.runs import transitions
from engine.steps import catalogue
from engine.workers.process import Engine
from people.models import Team, User
from tests.engine import kinds
from tests.engine.conftest import document
from tests.waiting import until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def engine() -> Iterator[Engine]:
    found = Engine(threads=3)
    thread = threading.Thread(target=found.run)
    thread.start()
    yield found
    found.stop()
    thread.join(timeout=120)
    assert not thread.is_alive()


def test_it_takes_up_what_is_started_while_it_runs(engine: Engine) -> None:
    team = Team.objects.create(name="Loop", slug="loop")
    alice = User.objects.create_user("alice", first_name="Alice")
    target = Target.objects.create(team=team, name="dummy", kind="dummy")
    branches = ", ".join(f"[{{id: s{i}, uses: test.probe}}]" for i in range(12))
    revision = Template.objects.keep(
        catalogue.from_yaml(document(f"[{{parallel: [{branches}]}}, {{id: last, uses: test.probe}}]")), alice
    )
    run = transitions.start(Run(revision=revision, team=team, target=target, started_by=alice))
    until(lambda: Run.objects.get(pk=run.pk).ended)
    assert Run.objects.get(pk=run.pk).state == "succeeded"
    assert len(kinds.DONE) == 13
    assert set(kinds.DONE.values()) == {1}


def test_it_says_that_it_looks_and_takes_its_leave(engine: Engine) -> None:
    until(EngineHeartbeat.objects.looking().exists)
    assert EngineHeartbeat.objects.looking().get().owner == engine.owner
    engine.stop()
    until(lambda: not EngineHeartbeat.objects.exists())


def test_it_starts_what_comes_by_the_clock(engine: Engine) -> None:
    team = Team.objects.create(name="Loop", slug="loop")
    alice = User.objects.create_user("alice", first_name="Alice")
    Target.objects.create(team=team, name="dummy", kind="dummy")
    revision = Template.objects.keep(catalogue.from_yaml(document("- {id: a, uses: test.probe}")), alice)
    Schedule.objects.create(
        team=team, template=revision.template, cron="0 0 1 1 *", next_at=timezone.now(), made_by=alice
    )
    until(Run.objects.filter(state="succeeded").exists)
    assert Run.objects.get().schedule
    assert kinds.DONE == {"a[]": 1}
