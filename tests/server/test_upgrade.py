"""An upgrade in the middle of a run: what the version before this one had begun, this one finishes."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

import pytest

from tests import made_once
from tests.homes import Home
from tests.scaled import NO_POSTGRES, Scaled

BEFORE = "0001_initial"  # the engine's migration state before this version
DATABASES = ("sqlite", "postgres")

DOCUMENT = {
    "desirepath": 1, "template": "older", "persona": "ml-engineer",
    "flow": [
        {"id": "prepare", "title": "Prepare", "uses": "command.run", "with": {"command": "true"}},
        {"parallel": [
            [{"id": "confirm", "title": "Confirm", "uses": "manual", "outputs": {"n": "integer"}}],
            [{"id": "check", "title": "Check", "uses": "command.run", "with": {"command": "true"}},
             {"id": "more", "title": "More", "uses": "command.run", "with": {"command": "true"}}],
        ]},
        {"repeat": {
            "at_most": 3, "until": "${{ steps.confirm.outputs.n > 2 }}",
            "flow": [{"id": "measure", "title": "Measure", "uses": "command.run", "with": {"command": "true"}}],
            "again": [{"id": "retrain", "title": "Train again", "uses": "command.run", "with": {"command": "true"}}],
        }},
        {"id": "last", "title": "Last", "uses": "command.run", "with": {"command": "true"}},
    ],
}  # fmt: skip
ASKING = {"question": "Confirm", "by": "team", "verb": "confirm", "needs": {"outputs": {"n": "integer"}}}

# The rows that the version before this one had stored: one step done, one that waits for a person, one ready.
RUN: dict[str, list[dict[str, Any]]] = {
    "Block": [
        {"id": 1, "path": "", "open_children": 1},
        {"id": 2, "path": "1", "open_children": 2, "parent_id": 1},
        {"id": 3, "path": "1.1", "open_children": 1, "parent_id": 2},
    ],
    "StepRun": [
        {"id": 1, "path": "0", "leaf": "prepare", "state": "succeeded", "claim": 1, "block_id": 1,
         "memory": {"jobs": ["command-287c8394c452"]}, "outputs": {"result": {}, "last_line": ""}},
        {"id": 2, "path": "1.0", "leaf": "confirm", "state": "waiting", "claim": 1, "block_id": 2, "asking": ASKING},
        {"id": 3, "path": "1.1.0", "leaf": "check", "state": "ready", "block_id": 3},
    ],
}  # fmt: skip

# In the same process as what comes next, because a process of Django's takes a second or two to start.
MIGRATE = """
    from django.core.management import call_command
    call_command("migrate", *{where}, verbosity=0)
"""
# With the models as that migration knew them, so with the columns there were.
BEGIN = """
    from django.db import connection
    from django.db.migrations.loader import MigrationLoader
    from django.utils import timezone
    from people.models import Persona, Team, User
    Persona.objects.bring()
    alice = User.objects.create_user("alice", first_name="Alice")
    team = Team.objects.create(name="Retention", slug="retention")
    team.add(alice, "engineer")
    old = MigrationLoader(connection).project_state(("engine", "{before}")).apps
    Model = lambda name: old.get_model("engine", name).objects
    now = timezone.now()
    target = Model("Target").create(team_id=team.pk, name="dummy", kind="dummy")
    persona = Persona.objects.get(slug="ml-engineer")
    template = Model("Template").create(name="older", title="older", persona_id=persona.pk)
    revision = Model("Revision").create(
        template=template, number=1, digest="4d" * 32, document=json.loads('''{document}'''), made_by_id=alice.pk
    )
    run = Model("Run").create(
        revision=revision, team_id=team.pk, target=target, started_by_id=alice.pk, state="running"
    )
    for name, rows in json.loads('''{rows}''').items():
        for row in rows:
            begun = dict(started_at=now) if row.get("claim") else dict()
            asked = dict(asked_at=now) if row.get("asking") else dict()
            Model(name).create(run=run, **begun, **asked, **row)
    if connection.vendor == "postgresql":  # rows with numbers of their own do not move the sequence on
        from django.core.management.color import no_style
        wanted = [old.get_model("engine", name) for name in ("Block", "StepRun")]
        with connection.cursor() as cursor:
            for sql in connection.ops.sequence_reset_sql(no_style(), wanted):
                cursor.execute(sql)
"""
FINISH = """
    from engine.models import Run, StepRun
    from engine.workers import executor
    from people.models import User
    executor.drain()
    run = Run.objects.get()
    assert [s.leaf for s in run.waiting_steps()] == ["confirm"], run.reason
    assert StepRun.objects.get(leaf="more").state == "succeeded"
    assert run.waiting_steps()[0].confirm(User.objects.get(), {"n": 3})
    executor.drain()
    run.refresh_from_db()
    print(json.dumps([run.state, run.reason, [s.leaf for s in run.steps.filter(state="succeeded", purpose="leaf")]]))
"""
LOOK = """
    from engine.models import Event, Run
    run = Run.objects.get()
    print(json.dumps([run.state, run.steps.count(), run.blocks.count(), Event.objects.count(), run.resumed]))
"""
DONE = ["prepare", "confirm", "check", "more", "measure", "last"]


@pytest.fixture
def older(request: pytest.FixtureRequest) -> Iterator[Home]:
    """A home that the version before this one left, on either database."""
    if request.param == "sqlite":
        home = Home()
        yield _begun(home)
        home.end()
        return
    server = os.environ.get("DESIREPATH_TEST_POSTGRES")
    if not server:
        pytest.skip(NO_POSTGRES)
    home = Scaled(made_once.new_database(server))
    try:
        yield _begun(home)
        home.end()
    finally:
        made_once.drop_database(home.database)


def _begun(home: Home) -> Home:
    rows, document = json.dumps(RUN), json.dumps(DOCUMENT)
    home.python(MIGRATE.format(where=("engine", BEFORE)) + BEGIN.format(before=BEFORE, document=document, rows=rows))
    return home


@pytest.mark.parametrize("older", DATABASES, indirect=True)
def test_a_run_of_the_version_before_survives_upgrade_return_and_upgrade_and_is_finished(older: Home) -> None:
    back, forth = MIGRATE.format(where=("engine", BEFORE)), MIGRATE.format(where=())
    lines = older.python(forth + LOOK + back + forth + LOOK + FINISH).splitlines()
    before, after, finished = map(json.loads, lines)
    assert after == before
    assert finished == ["succeeded", "", DONE]
