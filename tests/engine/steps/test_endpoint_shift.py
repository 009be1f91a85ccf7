"""endpoint.shift: another share of the requests for this run's release."""

import pytest

from engine.models import Release, Run
from engine.statuses import RunState
from tests.engine.steps.conftest import changes, live

pytestmark = pytest.mark.django_db

LEAF = "uses: endpoint.shift, with: {traffic: %d}"


@pytest.fixture
def shift(step, churn, target, release):
    """Two releases, the first live; the second is the run's."""

    def to(traffic, **weights):
        release(1, 100)

        def second(run):
            release(2, 0, run)
            live(churn, target, {"1": 100, "2": 0})

        return step(LEAF % traffic, deployment=churn, release=second)

    return to


def test_a_tenth_goes_to_the_new_one_and_the_rest_stays(shift, churn):
    row = shift(10)
    assert row.outputs == {"traffic": 10}
    assert row.note == "10 % of requests go to version 2"
    assert churn.traffic() == {"1": 90, "2": 10}


def test_at_a_hundred_the_one_before_stays_to_fall_back_to(shift, churn, target):
    shift(100)
    assert churn.traffic() == {"1": 0, "2": 100}
    (routed,) = target.routes.values()
    assert routed.route.fallback == "1"


def test_older_ones_than_the_one_before_are_stopped(step, churn, target, release):
    release(1, 0)
    release(2, 100)

    def third(run):
        release(3, 0, run)
        live(churn, target, {"1": 0, "2": 100, "3": 0})

    step(LEAF % 100, deployment=churn, release=third)
    assert Release.objects.get(number=1).retired_at
    assert ("stop", "server-1") in target.calls
    assert churn.traffic() == {"2": 0, "3": 100}


def test_what_a_failed_run_left_is_not_the_one_before(step, churn, target, release, on, team):
    """Its preview waits for a resume; it was never live, so nobody falls back to it, and it goes with the next."""
    release(1, 100)
    old = Run(team=team, target=on, deployment=churn, state=RunState.FAILED)

    def third(run):
        old.revision = run.revision
        old.save()
        release(2, 0, old)
        release(3, 0, run)
        live(churn, target, {"1": 100, "3": 0})

    step(LEAF % 100, deployment=churn, release=third)
    assert Release.objects.get(number=3).previous() == Release.objects.get(number=1)
    assert Release.objects.get(number=1).retired_at is None
    assert Release.objects.get(number=2).retired_at
    (routed,) = target.routes.values()
    assert routed.route.fallback == "1"


def test_the_only_one_takes_everything_and_says_so(step, churn, target, release):
    row = step(LEAF % 10, deployment=churn, release=lambda run: release(1, 0, run))
    assert row.outputs == {"traffic": 100}
    assert row.note == "the only version: it takes every request"


def test_done_again_it_changes_nothing(shift, target):
    from engine.workers import executor

    row = shift(10)
    before = changes(target)
    executor.outcome_of(row)
    assert changes(target) == before


def test_a_run_without_a_release_says_what_has_to_come_before(step, churn):
    assert step(LEAF % 10, deployment=churn).reason.endswith("a step that makes one has to come before.")


@pytest.mark.parametrize(
    ("before", "traffic", "after"),
    [
        ({"1": 100, "2": 0}, 0, {"1": 100, "2": 0}),
        ({"1": 90, "2": 10}, 50, {"1": 50, "2": 50}),
        ({"1": 60, "2": 30, "3": 10}, 40, {"1": 40, "2": 20, "3": 40}),
        ({"1": 33, "2": 33, "3": 34}, 1, {"1": 50, "2": 49, "3": 1}),
        ({"1": 0, "2": 0, "3": 100}, 10, {"1": 0, "2": 90, "3": 10}),
        ({"1": 0, "2": 100}, 0, {"1": 0, "2": 100}),  # there is nobody else to take them
    ],
)
def test_shares_always_add_up_and_keep_their_proportions(churn, release, before, traffic, after):
    made = [release(int(number), weight) for number, weight in before.items()]
    shares = churn.shifted(made[-1], traffic)
    assert shares == after
    assert sum(shares.values()) == 100
