"""/health/live and /health/ready: the truth is that an engine has looked for work a moment ago."""

from __future__ import annotations

from datetime import timedelta
from unittest.mock import patch

import pytest
from django.db import OperationalError
from django.test import Client
from django.utils import timezone

from engine.models import EngineHeartbeat

pytestmark = pytest.mark.django_db
OWNER = "desk:17:abcd"


def ready() -> tuple[int, str, str]:
    answer = Client().get("/health/ready")
    first = (answer.json()["problems"] or [{"what": "", "do": ""}])[0]
    return answer.status_code, first["what"], first["do"]


def test_this_process_is_live_whatever_becomes_of_the_database():
    with patch("engine.models.heartbeat.EngineHeartbeatQuerySet.looking", side_effect=OperationalError("gone")):
        assert Client().get("/health/live").json() == {"live": True}


def test_it_is_ready_when_an_engine_has_looked_for_work_even_in_vain():
    EngineHeartbeat.objects.note(OWNER, timezone.now(), found=False)
    assert ready() == (200, "", "")


def test_without_an_engine_it_is_not_and_says_how_to_start_one():
    status, what, do = ready()
    assert status == 503
    assert what == "No engine was seen for 15 s."
    assert "desirepath worker" in do


def test_an_engine_that_lives_and_does_not_look_is_named():
    EngineHeartbeat.objects.note(OWNER, timezone.now() - timedelta(seconds=16), found=False)
    status, what, do = ready()
    assert status == 503
    assert "desk process 17" in what
    assert "another worker" in do


def test_a_database_that_is_away_is_said_without_what_the_driver_says():
    with patch(
        "engine.models.heartbeat.EngineHeartbeatQuerySet.looking", side_effect=OperationalError("host db user x")
    ):
        status, what, _ = ready()
    assert status == 503
    assert what == "The database does not answer, or its tables are not there."


def test_an_engine_that_comes_forgets_those_that_died_long_ago_and_one_that_leaves_itself():
    EngineHeartbeat.objects.note("desk:1:dead", None, found=False)
    EngineHeartbeat.objects.update(seen_at=timezone.now() - timedelta(minutes=11))
    EngineHeartbeat.objects.note("desk:2:alive", None, found=False)
    EngineHeartbeat.objects.note(OWNER, None, found=False)
    assert set(EngineHeartbeat.objects.values_list("owner", flat=True)) == {"desk:2:alive", OWNER}
    EngineHeartbeat.objects.leave(OWNER)
    assert list(EngineHeartbeat.objects.values_list("owner", flat=True)) == ["desk:2:alive"]


def test_a_note_after_it_was_forgotten_is_a_new_row():
    EngineHeartbeat.objects.note(OWNER, None, found=False)
    EngineHeartbeat.objects.all().delete()
    EngineHeartbeat.objects.note(OWNER, timezone.now(), found=True)
    assert EngineHeartbeat.objects.looking().get().found
