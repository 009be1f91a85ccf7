"""/api/schedules/: make, look, change, remove."""

import pytest

from engine.models import Schedule
from tests.engine.api.conftest import standard

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("on", "revision")]

DAILY = {"template": "probe", "cron": "30 2 * * 1-5", "zone": "Europe/Paris", "name": "churn"}


def test_it_says_when_it_comes_next(as_alice):
    made = as_alice.post("schedules/", DAILY)
    assert made.status_code == 201, made.content
    assert made.json()["next_at"][14:16] == "30"
    assert as_alice.get("schedules/").json() == [made.json()]


@pytest.mark.parametrize(
    ("wrong", "attr", "said"),
    [
        ({"cron": "0 0 30 2 *"}, "cron", "“0 0 30 2 *” names no time: there is no such day"),
        ({"cron": "every day"}, "cron", "“every day” names no time"),
        ({"zone": "Mars/Olympus"}, "zone", "“Mars/Olympus” is not a time zone"),
        ({"inputs": {"colour": "red"}}, "colour", "is not an input of this template"),
        ({"template": "nothing"}, "template", "Object with name=nothing does not exist."),
    ],
)
def test_what_would_never_start_is_refused_with_what_is_wrong(as_alice, wrong, attr, said):
    (error,) = standard(as_alice.post("schedules/", DAILY | wrong), 400)
    assert error["attr"] == attr
    assert error["detail"].startswith(said)
    assert Schedule.objects.count() == 0


def test_it_is_changed_and_removed_by_those_who_may(as_alice, as_bob, as_charlie):
    made = as_alice.post("schedules/", DAILY).json()
    path = f"schedules/{made['id']}/"
    standard(as_bob.patch(path, {"paused": True}), 403)
    standard(as_charlie.get(path), 404)
    assert as_alice.patch(path, {"paused": True}).json()["paused"] is True
    assert as_alice.patch(path, {"cron": "0 5 * * *", "zone": "UTC"}).json()["next_at"][11:16] == "05:00"
    standard(as_alice.patch(path, {"cron": "0 0 30 2 *"}), 400)
    standard(as_bob.delete(path), 403)
    assert as_alice.delete(path).status_code == 204
    standard(as_alice.get(path), 404)
