"""/api/audit/: who did what when, for those on the team."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from engine.models import Event, Run
from tests.engine.api.conftest import Api, standard


@pytest.fixture(autouse=True)
def settled(monkeypatch: pytest.MonkeyPatch) -> Callable[[timedelta], None]:
    """How long somebody may be late; not at all here, unless a test says so."""

    def late(by: timedelta) -> None:
        monkeypatch.setattr("engine.models.event.SETTLED", by)

    late(timedelta(0))
    return late


def lines(answer: Iterable[bytes]) -> list[list[str]]:
    return list(csv.reader(b"".join(answer).decode().splitlines()))


def test_it_says_who_did_what_and_when(as_bob: Api, run: Run) -> None:
    rows = as_bob.get("audit/").json()
    assert [row["id"] for row in rows] == sorted(row["id"] for row in rows)
    first = rows[0]
    assert (first["who"], first["kind"], first["team"], first["run"]) == ("alice", "run.started", "retention", run.pk)
    assert first["deployment"] == "churn"
    assert as_bob.get("audit/", after=first["id"]).json() == rows[1:]


def test_what_may_still_come_late_is_waited_for(as_bob: Api, run: Run, settled: Callable[[timedelta], None]) -> None:
    """Numbers are given when something is written and seen when it is committed; who collects must miss none."""
    if connection.vendor != "postgresql":
        pytest.skip("on SQLite one writes after the other, in the order of the numbers")
    rows = as_bob.get("audit/").json()
    assert rows
    settled(timedelta(minutes=1))
    assert as_bob.get("audit/").json() == []
    Event.objects.filter(pk=rows[0]["id"]).update(at=timezone.now() - timedelta(minutes=2))
    assert [row["id"] for row in as_bob.get("audit/").json()] == [rows[0]["id"]]


def test_what_programs_printed_is_left_out(as_bob: Api, run: Run) -> None:
    run.steps.first().say("step.log", "3 rows")  # type: ignore[union-attr]
    assert "step.log" not in {row["kind"] for row in as_bob.get("audit/").json()}


def test_others_teams_are_not_in_it(as_charlie: Api, run: Run) -> None:
    assert as_charlie.get("audit/").json() == []
    standard(as_charlie.get("audit/", team="retention"), 404)


def test_nobody_sees_it_without_signing_in(as_nobody: Api, run: Run) -> None:
    standard(as_nobody.get("audit/"), 401)


def test_as_csv_it_is_all_of_them_and_no_formula(as_bob: Api, run: Run) -> None:
    run.say("run.note", "=HYPERLINK(1)")
    answer = as_bob.get("audit/", **{"as": "csv"})
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    head, *rows = lines(answer)
    assert head == ["id", "at", "who", "team", "kind", "text", "run", "step", "deployment"]
    assert len(rows) == Event.objects.audited().count()
    assert rows[-1][5] == "'=HYPERLINK(1)"


def test_it_refuses_what_it_does_not_know_in_words(as_bob: Api, run: Run) -> None:
    standard(as_bob.get("audit/", after="x"), 400)
    standard(as_bob.get("audit/", **{"as": "xls"}), 400)
