"""While a deployment is being changed, by a run or by hand, nobody else changes it and nobody judges it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db.models import Q
from django.utils import timezone

from engine.actions import judge
from engine.actions.remove import Remove
from engine.actions.resume import Resume
from engine.actions.roll_back import RollBack
from engine.models import Deployment, Event, Run, Schedule, changing
from engine.models.changing import ChangeKind
from engine.runs import transitions
from engine.statuses import DeploymentState, RunState
from engine.workers import scheduler
from tests.engine.api.conftest import *  # noqa: F403 - a deployment with releases

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)


def at(seconds: float | None) -> datetime | None:
    """So many seconds from now."""
    return None if seconds is None else NOW + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("held", "moving", "judged", "done", "is_held", "at_rest", "due"),
    [
        (None, None, None, False, False, True, True),
        (1, None, None, False, True, False, False),
        (None, 1, None, False, False, False, False),
        (0, 0, None, False, False, True, True),  # expired at this moment
        (-1, 1, None, False, False, False, False),
        (None, None, -14, False, False, True, False),
        (None, None, -16, False, False, True, True),
        (None, None, -16, True, False, True, False),
        (None, None, -61, True, False, True, True),
        (1, None, -61, True, True, False, False),
    ],
)
def test_who_is_changing_it_and_whether_it_is_due(live, held, moving, judged, done, is_held, at_rest, due):
    activity = changing.ChangeState(at(held), at(moving), NOW, at(judged))
    assert (activity.is_held(NOW), activity.at_rest(NOW)) == (is_held, at_rest)
    live({"1": 100})
    state = DeploymentState.DONE if done else DeploymentState.DEPLOYED
    Deployment.objects.update(held_until=at(held), moving_until=at(moving), judged_at=at(judged), state=state)
    assert Deployment.objects.filter(changing.due(NOW, Q(state=DeploymentState.DONE))).exists() == due


@pytest.mark.parametrize(
    ("held", "moving", "changed", "confirmed"),
    [(None, None, 0, True), (None, None, 1, False), (1, None, 0, False), (None, 1, 0, False), (-1, -1, 0, True)],
)
def test_which_judgement_still_counts(held, moving, changed, confirmed):
    began = changing.ChangeState(None, None, NOW, NOW)
    ended = changing.ChangeState(at(held), at(moving), NOW + timedelta(seconds=changed), NOW)
    assert ended.confirms(began, NOW) == confirmed


@pytest.mark.parametrize(("moving", "confirmed"), [(None, True), (-1, True), (1, False)])
def test_a_judgement_that_started_during_a_change_does_not_count_when_the_change_has_expired(moving, confirmed):
    began = changing.ChangeState(None, at(moving), NOW, NOW)
    assert began.confirms(began, NOW + timedelta(seconds=5)) == confirmed


@pytest.fixture
def served(live) -> Deployment:
    """Two releases; the second is live, was looked at, and has nothing the matter."""
    found: Deployment = live({"1": 0, "2": 100})
    judge.judge(found)
    return found


def again(deployment: Deployment) -> Run:
    """A run that would change it, as somebody else starts it meanwhile."""
    last = deployment.runs.latest("pk")
    return Run(
        revision=last.revision, team=deployment.team, target=deployment.target,
        deployment=Deployment.objects.get(pk=deployment.pk), inputs={},
    )  # fmt: skip


def test_no_run_begins_while_somebody_changes_it_by_hand(served, alice):
    with (
        transitions.by_hand(served),
        pytest.raises(transitions.NotPossible, match="somebody is changing churn at this moment"),
    ):
        transitions.start(again(served))
    assert transitions.start(again(served)).state == RunState.RUNNING


def test_of_two_who_change_it_by_hand_one_does(served, alice):
    with (
        transitions.by_hand(served),
        pytest.raises(transitions.NotPossible, match="somebody is changing churn at this moment"),
    ):
        RollBack(Deployment.objects.get(pk=served.pk), alice).execute()
    assert served.traffic() == {"1": 0, "2": 100}


def test_a_run_that_began_since_one_looked_is_not_changed_under(served, alice, monkeypatch):
    """The check found it free; a run took the traffic as it was, to put back; going back now would be undone by it."""
    check = RollBack.check

    def checked(self: RollBack) -> Any:
        found = check(self)
        monkeypatch.undo()
        transitions.start(again(served))
        return found

    monkeypatch.setattr(RollBack, "check", checked)
    with pytest.raises(transitions.NotPossible, match="is changing churn already"):
        RollBack(served, alice).execute()
    assert served.traffic() == {"1": 0, "2": 100}


def test_it_is_free_again_when_the_change_fails_and_when_whoever_made_it_was_killed(served):
    with pytest.raises(ZeroDivisionError), transitions.by_hand(served):
        raise ZeroDivisionError
    with transitions.by_hand(served):
        pass
    Deployment.objects.update(held_until=timezone.now() - timedelta(seconds=1))
    assert list(Deployment.objects.due()) == [served]
    with transitions.by_hand(served):
        assert list(Deployment.objects.due()) == []


def test_a_run_of_what_was_removed_is_neither_started_nor_resumed(served, alice):
    failed = again(served)
    failed.state = RunState.FAILED
    failed.save()
    Remove(served, alice).execute()
    with pytest.raises(transitions.NotPossible, match="churn was removed; `desirepath restore churn` first"):
        transitions.start(again(served))
    with pytest.raises(transitions.NotPossible, match="churn was removed; `desirepath restore churn` first"):
        Resume(failed, alice, {}).execute()


def test_whoever_took_too_long_does_not_free_what_somebody_else_holds_by_now(served):
    with transitions.by_hand(served):
        Deployment.objects.update(held_until=timezone.now() - timedelta(seconds=1))
        with transitions.by_hand(Deployment.objects.get(pk=served.pk)):
            mine = timezone.now() + timedelta(minutes=9)
            Deployment.objects.update(held_until=mine)
    served.refresh_from_db()
    assert served.held_until == mine


def test_a_schedule_serves_its_time_when_the_change_by_hand_is_over(served, alice):
    last = served.runs.latest("pk")
    made = Schedule.objects.create(
        team=served.team, template=last.revision.template, name="churn", target=served.target, made_by=alice,
        cron="0 3 * * *", next_at=timezone.now() - timedelta(seconds=1),
    )  # fmt: skip
    with transitions.by_hand(served):
        assert scheduler.start_due() == []
    assert len(scheduler.start_due()) == 1
    made.refresh_from_db()
    assert made.problem == ""


def test_nobody_judges_what_is_being_moved(served, target):
    Deployment.objects.update(judged_at=None)
    assert list(Deployment.objects.due()) == [served]
    with transitions.by_hand(served):
        assert list(Deployment.objects.due()) == []
    served.send(target, {"1": 100, "2": 0}, "rehearsing", for_a_moment=True)
    Deployment.objects.update(judged_at=None)
    assert list(Deployment.objects.due()) == []
    served.send(target, {"1": 0, "2": 100}, "back", for_a_moment=True)
    served.end(ChangeKind.MOVE)
    Deployment.objects.update(judged_at=None)
    assert list(Deployment.objects.due()) == [served]


@pytest.mark.parametrize("during", ["it is moved", "it is held", "somebody has held it"])
def test_what_was_seen_before_a_change_is_not_stored_after_it(served, target, during, monkeypatch):
    look, before = judge._look, list(served.results.values_list("pk", "times"))

    def slowly(*one: Any) -> Any:
        seen = look(*one)
        monkeypatch.undo()
        if during == "it is moved":
            served.send(target, {"1": 100, "2": 0}, "gone back")
        elif during == "somebody has held it":
            with transitions.by_hand(served):
                pass
        else:
            Deployment.objects.update(held_until=timezone.now() + timedelta(minutes=1))
        return seen

    monkeypatch.setattr(judge, "_look", slowly)
    told = Event.objects.count()
    assert [result.pk for result in judge.judge(served)] == [None] * len(before)
    assert list(served.results.values_list("pk", "times")) == before
    assert Event.objects.count() == told + (during == "it is moved")  # only that the requests go elsewhere


def test_going_back_is_no_regression_while_the_older_release_begins(served, alice, monkeypatch):
    """What is judged is either release as a whole, never the one with the other's processes."""
    states = []

    def asked(self: Deployment, *args: Any) -> Any:
        states.append([found.pk for found in Deployment.objects.due()])
        return rest(self, *args)

    rest = Deployment._move_the_rest
    monkeypatch.setattr(Deployment, "_move_the_rest", asked)
    Deployment.objects.update(judged_at=None)
    RollBack(served, alice).execute()
    assert states == [[]]
    assert list(Deployment.objects.due()) == [served]
    served.refresh_from_db()
    assert served.state != DeploymentState.REGRESSED
