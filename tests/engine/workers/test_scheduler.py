"""Runs by the clock: each time once, in its own time zone, and after a pause as the misfire policy says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from engine.models import Event, Run, Schedule, Target, Template
from engine.models.schedule import NeverComes, next_time
from engine.steps import catalogue
from engine.workers import scheduler
from people.models import Persona, Team, User
from tests.engine.conftest import document

NOON = datetime(2026, 3, 27, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("cron", "zone", "after", "expected"),
    [
        ("0 9 * * *", "UTC", NOON, datetime(2026, 3, 28, 9, tzinfo=UTC)),
        ("0 9 * * *", "Europe/Paris", NOON, datetime(2026, 3, 28, 8, tzinfo=UTC)),  # winter: an hour ahead
        ("0 9 * * *", "Europe/Paris", NOON + timedelta(days=2), datetime(2026, 3, 30, 7, tzinfo=UTC)),  # summer: two
        ("30 2 29 3 *", "Europe/Paris", NOON, datetime(2026, 3, 29, 1, tzinfo=UTC)),  # 2:30 is left out that night
        ("0 0 29 2 *", "UTC", NOON, datetime(2028, 2, 29, tzinfo=UTC)),
    ],
)
def test_it_comes_at_the_time_of_its_place(cron: str, zone: str, after: datetime, expected: datetime) -> None:
    assert next_time(cron, zone, after) == expected


@pytest.mark.parametrize("cron", ["0 0 30 2 *", "0 0 31 4 *", "61 * * * *", "* * *", ""])
def test_a_time_that_never_comes_is_refused(cron: str) -> None:
    with pytest.raises(NeverComes, match=r"names no time|never comes"):
        next_time(cron, "UTC", NOON)


@pytest.fixture
def hourly(team: Team, alice: User, persona: Persona) -> Schedule:
    Target.objects.create(team=team, name="dummy", kind="dummy")
    checked = catalogue.from_yaml(document("- {id: a, uses: test.probe}"))
    revision = Template.objects.keep(checked, alice)
    revision.publish(alice)
    return Schedule.objects.create(
        team=team, template=revision.template, cron="0 * * * *", next_at=NOON, made_by=alice, misfire="once"
    )


@pytest.mark.django_db
class TestStart:
    def test_each_time_starts_one_run_and_moves_on(self, hourly: Schedule) -> None:
        (run,) = scheduler.start_due(NOON)
        assert run.schedule == hourly
        assert scheduler.start_due(NOON + timedelta(minutes=59)) == []
        assert len(scheduler.start_due(NOON + timedelta(hours=1))) == 1

    def test_a_process_that_dies_before_it_moves_on_starts_nothing_twice(self, hourly: Schedule) -> None:
        scheduler.start_due(NOON)
        Schedule.objects.update(next_at=NOON)  # as if the move had been lost
        scheduler.start_due(NOON)
        assert Run.objects.count() == 1

    @pytest.mark.parametrize(("misfire", "runs"), [("once", 1), ("skip", 0), ("each", 5)])
    def test_what_was_missed_is_served_as_the_policy_says(self, hourly: Schedule, misfire: str, runs: int) -> None:
        Schedule.objects.update(misfire=misfire)
        assert len(scheduler.start_due(NOON + timedelta(hours=4, minutes=10))) == runs
        hourly.refresh_from_db()
        assert hourly.next_at == NOON + timedelta(hours=5)

    def test_a_year_away_is_a_hundred_runs_at_most_and_quick(self, hourly: Schedule) -> None:
        Schedule.objects.update(misfire="each", cron="* * * * *")
        times, following = scheduler.times_to_serve(Schedule.objects.get(), NOON + timedelta(days=365))
        assert len(times) <= 100
        assert following > NOON + timedelta(days=365)

    def test_a_paused_one_starts_nothing(self, hourly: Schedule) -> None:
        Schedule.objects.update(paused=True)
        assert scheduler.start_due(NOON) == []

    def test_one_that_cannot_start_says_why_and_tries_the_next_time(self, hourly: Schedule) -> None:
        Schedule.objects.update(inputs={"colour": "red"})
        assert scheduler.start_due(NOON) == []
        hourly.refresh_from_db()
        assert hourly.problem == "27 Mar 12:00 UTC: colour: is not an input of this template"
        assert hourly.next_at == NOON + timedelta(hours=1)
        assert Event.objects.filter(kind="schedule.missed").count() == 1

    def test_a_clock_set_back_an_hour_starts_nothing_again(self, hourly: Schedule) -> None:
        scheduler.start_due(NOON)
        assert scheduler.start_due(NOON - timedelta(hours=1)) == []
        assert scheduler.start_due(NOON) == []
        assert Run.objects.count() == 1
