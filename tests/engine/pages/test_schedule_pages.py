"""Runs by the clock: the list on the template's page, adding, changing, pausing, removing and taking that back."""

from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from engine.models import Schedule
from tests.conftest import signed_in
from tests.running import HAND, keep


@pytest.fixture
def schedule(team, alice, begin) -> Schedule:
    revision = keep(HAND, "rows: {type: integer, optional: true}")
    return Schedule.objects.create(
        team=team, template=revision.template, made_by=alice, cron="30 2 * * 1-5", zone="Europe/Paris",
        inputs={"rows": 3}, next_at=timezone.now() + timedelta(hours=3, minutes=1),
    )  # fmt: skip


def template_page(client) -> str:
    return str(client.get("/templates/probe/").content.decode())


def test_the_template_says_when_it_runs_in_words_and_in_its_zone(as_bob, schedule):
    page = template_page(as_bob)
    assert "At 02:30 on Monday through Friday" in page
    assert "Europe/Paris" in page
    assert "in 3" in page
    Schedule.objects.update(problem="24 Nov 02:30 UTC: rows: is needed")
    assert "rows: is needed" in template_page(as_bob)


def test_others_schedules_are_not_shown(as_charlie, schedule):
    assert "At 02:30" not in template_page(as_charlie)
    assert as_charlie.get(f"/schedules/{schedule.pk}/").status_code == 404


def test_one_is_made_with_the_inputs_and_a_file(as_bob, revision, bob, dummy):
    sent = {
        "cron": "0 9 * * *", "zone": "UTC", "misfire": "skip", "team": dummy.team_id, "name": "churn",
        "model": SimpleUploadedFile("churn.pkl", b"a model"), "note": "every morning",
    }  # fmt: skip
    assert as_bob.post("/templates/ship-it/schedules/new/", sent).status_code == 302
    made = Schedule.objects.get()
    assert (made.cron, made.misfire, made.name, made.made_by) == ("0 9 * * *", "skip", "churn", bob)
    assert made.inputs["model"]["name"] == "churn.pkl"
    assert made.inputs["note"] == "every morning"
    assert made.next_at
    assert made.next_at > timezone.now()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"cron": "0 0 30 2 *"}, "names no time: there is no such day"),
        ({"cron": "0 0 29 2"}, "names no time"),
        ({"zone": "Mars/Olympus"}, "is not a time zone"),
        ({"rows": "many"}, "Enter a whole number"),
    ],
)
def test_what_cannot_be_is_said_at_its_field(wrong, said, as_bob, schedule):
    page = as_bob.post(f"/schedules/{schedule.pk}/", {"cron": "0 9 * * *", "zone": "UTC", "misfire": "once", **wrong})
    assert page.status_code == 422
    assert said in page.content.decode()
    schedule.refresh_from_db()
    assert schedule.cron == "30 2 * * 1-5"


def test_it_is_changed_and_what_it_had_is_there(as_bob, schedule):
    page = as_bob.get(f"/schedules/{schedule.pk}/").content.decode()
    assert 'value="30 2 * * 1-5"' in page
    assert 'name="rows" value="3"' in page
    sent = {"cron": "0 9 * * *", "zone": "UTC", "misfire": "each", "rows": "5"}
    assert as_bob.post(f"/schedules/{schedule.pk}/", sent).status_code == 302
    schedule.refresh_from_db()
    assert (schedule.cron, schedule.misfire, schedule.inputs) == ("0 9 * * *", "each", {"rows": 5})


def test_the_next_three_times_are_seen_while_typing(as_bob):
    part = as_bob.get("/schedules/next/", {"cron": "0 9 * * *", "zone": "Asia/Tokyo"}).content.decode()
    assert part.count("09:00 <small>Asia/Tokyo") == 3
    assert "names no time" in as_bob.get("/schedules/next/", {"cron": "0 0 30 2 *"}).content.decode()
    assert "as you type" in as_bob.get("/schedules/next/").content.decode()


def test_it_is_paused_and_goes_on(as_bob, schedule):
    as_bob.post(f"/schedules/{schedule.pk}/pause/")
    assert "Paused" in template_page(as_bob)
    as_bob.post(f"/schedules/{schedule.pk}/pause/")
    schedule.refresh_from_db()
    assert not schedule.paused


def test_removing_is_taken_back(as_bob, schedule):
    page = as_bob.post(f"/schedules/{schedule.pk}/remove/", follow=True).content.decode()
    assert f"/schedules/{schedule.pk}/restore/" in page
    assert not Schedule.objects.exists()
    assert as_bob.get(f"/schedules/{schedule.pk}/").status_code == 404
    as_bob.post(f"/schedules/{schedule.pk}/restore/")
    restored = Schedule.objects.get().next_at
    assert restored
    assert restored > timezone.now()


def test_what_was_removed_starts_nothing(as_bob, schedule):
    from engine.workers.scheduler import start_due

    as_bob.post(f"/schedules/{schedule.pk}/remove/")
    assert start_due(timezone.now() + timedelta(days=9)) == []


def test_after_a_week_it_is_gone(as_bob, schedule):
    Schedule.everything.update(removed_at=timezone.now() - timedelta(days=8))
    assert as_bob.post(f"/schedules/{schedule.pk}/restore/").status_code == 404


def test_a_viewer_sees_it_and_may_not_change_it(schedule, vera):
    client = signed_in(vera)
    assert "At 02:30" in template_page(client)
    assert f"/schedules/{schedule.pk}/remove/" not in template_page(client)
    for verb in ("", "pause/", "remove/"):
        assert client.post(f"/schedules/{schedule.pk}/{verb}").status_code == 403
    assert "You cannot start runs on any team" in client.get("/templates/probe/schedules/new/").content.decode()
