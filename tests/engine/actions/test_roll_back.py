"""RollBack: all requests to the release before, at once and by hand."""

import pytest

from engine.actions.roll_back import RollBack
from engine.runs.transitions import NotPossible
from tests.engine.api.conftest import *  # noqa: F403 - a deployment with releases

pytestmark = pytest.mark.django_db


def test_the_one_before_takes_every_request(live, alice, target):
    churn = live({"1": 0, "2": 90, "3": 10})
    assert RollBack(churn, alice).execute().number == 1
    assert churn.traffic() == {"1": 100, "2": 0, "3": 0}
    (routed,) = target.routes.values()
    assert {b.release: b.weight for b in routed.route.backends} == churn.traffic()
    assert churn.events.get(text="Alice went back to 1").data["weights"]["1"] == 100


def test_it_is_judged_again_at_once(live, alice):
    churn = live({"1": 0, "2": 100})
    type(churn).objects.update(judged_at="2026-01-01T00:00:00Z")
    RollBack(churn, alice).execute()
    churn.refresh_from_db()
    assert churn.judged_at is None


def test_there_has_to_be_one_before(live, alice):
    churn = live({"1": 100})
    with pytest.raises(NotPossible, match="churn has no release before this one to go back to"):
        RollBack(churn, alice).execute()


def test_not_while_a_run_changes_it(live, alice, run):
    churn = live({"1": 0, "2": 100})
    with pytest.raises(NotPossible, match=f"run {run.pk} is changing churn; cancel it first"):
        RollBack(churn, alice).execute()
    assert churn.traffic() == {"1": 0, "2": 100}
