"""service.errors: no more of its requests fail than of the release before."""

import pytest

from engine.targets.base import Counts

pytestmark = pytest.mark.django_db

LEAF = "uses: service.errors"


@pytest.fixture
def judged(step, churn, target, app_release):
    """What it comes to when so many of so many requests failed: of this release, and of the one before."""

    def go(now, then=None):
        def second(run):
            if then:
                app_release(1, 0)
            app_release(2, 100, run)
            counted = {"2": now, **({"1": then} if then else {})}
            target.counted[churn.route_name] = {
                number: Counts(of, failed, 0, 1.0, 2.0) for number, (failed, of) in counted.items()
            }

        return step(LEAF, deployment=churn, release=second)

    return go


@pytest.mark.parametrize(
    ("now", "then", "state", "said"),
    [
        ((0, 200), (0, 500), "succeeded", "0 of 200 requests failed; of release 1 0 of 500 requests failed"),
        ((3, 200), (1, 200), "succeeded", "3 of 200 requests failed; of release 1 1 of 200 requests failed"),
        ((30, 200), (1, 200), "failed", "more fail than before: 30 of 200 requests failed; of release 1 1 of 200"),
        ((30, 200), (40, 200), "succeeded", "30 of 200"),
        ((0, 3), (40, 200), "succeeded", "0 of 3 requests failed"),
        ((1, 3), (40, 200), "failed", "1 of 3 requests failed; too few of the release before to compare with"),
        ((1, 100), None, "succeeded", "1 of 100 requests failed"),
        ((2, 100), None, "failed", "2 of 100 requests failed"),
        ((0, 0), None, "succeeded", "no request yet"),
    ],
)
def test_it_is_met_unless_more_fail_than_chance_allows(judged, now, then, state, said):
    row = judged(now, then)
    assert row.state == state
    assert (row.note if state == "succeeded" else row.reason).startswith(said)


def test_before_anybody_has_asked_there_is_nothing_to_hold_against_it(step, churn, app_release):
    row = step(LEAF, deployment=churn, release=lambda run: app_release(1, 100, run))
    assert (row.state, row.note) == ("succeeded", "no request yet")


def test_a_plan_only_looks(plan_of):
    assert plan_of(LEAF) == ["look how many requests fail, beside the release before"]
