"""Remove and Restore: taken away, and brought back within seven days."""

from datetime import timedelta

import pytest
from django.utils import timezone

from engine.actions.remove import Remove, Restore
from engine.actions.start_run import Refused, StartRun
from engine.models import Deployment
from engine.runs.transitions import NotPossible
from engine.statuses import RunState
from engine.targets.base import State, TargetError
from tests.engine.api.conftest import *  # noqa: F403 - a deployment with releases

pytestmark = pytest.mark.django_db


def test_its_releases_are_stopped_and_its_address_is_closed(live, alice, target):
    churn = live({"1": 0, "2": 100})
    Remove(churn, alice).execute()
    assert target.routes == {}
    assert [target.status(f"server-{n}").state for n in (1, 2)] == [State.STOPPED] * 2
    churn.refresh_from_db()
    assert churn.state == "removed"
    assert churn.events.get(kind="deployment.removed").text == "Alice removed churn; it can be restored for 7 days"
    assert churn.releases.count() == 2
    with pytest.raises(NotPossible, match="churn is removed already"):
        Remove(churn, alice).execute()


def test_restored_it_answers_as_it_did(live, alice, target):
    churn = live({"1": 30, "2": 70})
    Remove(churn, alice).execute()
    Restore(churn, alice).execute()
    (routed,) = target.routes.values()
    assert {b.release: b.weight for b in routed.route.backends} == {"1": 30, "2": 70}
    assert [target.status(f"server-{n}").state for n in (1, 2)] == [State.READY] * 2
    churn.refresh_from_db()
    assert (churn.state, churn.removed_at) == ("deployed", None)
    with pytest.raises(NotPossible, match="churn is not removed"):
        Restore(churn, alice).execute()


def test_what_a_failed_run_left_is_not_restored(live, alice, target):
    churn = live({"1": 100, "2": 0})
    churn.releases.get(number=2).run.__class__.objects.update(state=RunState.FAILED)
    Remove(churn, alice).execute()
    Restore(churn, alice).execute()
    assert [target.status(f"server-{n}").state for n in (1, 2)] == [State.READY, State.STOPPED]


def test_after_seven_days_it_cannot_be_restored(live, alice):
    churn = live({"1": 100})
    Remove(churn, alice).execute()
    Deployment.objects.update(removed_at=timezone.now() - timedelta(days=7, minutes=1))
    with pytest.raises(NotPossible, match="churn was removed more than 7 days ago"):
        Restore(Deployment.objects.get(), alice).execute()


def test_a_server_that_does_not_come_up_leaves_it_removed(live, alice, target):
    churn = live({"1": 100})
    Remove(churn, alice).execute()
    target.comes_to("server", state=State.FAILED, reason="It ended with 1.")
    with pytest.raises(TargetError, match=r"churn 1 did not start: It ended with 1\."):
        Restore(churn, alice).execute()
    churn.refresh_from_db()
    assert churn.removed_at
    target.comes_to("server", state=State.READY)
    Restore(churn, alice).execute()
    assert churn.traffic() == {"1": 100}


def test_not_while_a_run_changes_it(run, churn, alice):
    with pytest.raises(NotPossible, match=f"run {run.pk} is changing churn; cancel it first"):
        Remove(churn, alice).execute()


def test_its_name_is_not_taken_again_meanwhile(live, alice, revision, team, on):
    Remove(live({"1": 100}), alice).execute()
    with pytest.raises(Refused, match="churn was removed; `desirepath restore churn`, or take another name"):
        StartRun(revision, team, alice, {}, "churn", target=on).execute()
