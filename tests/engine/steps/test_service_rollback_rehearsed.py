"""service.rollback_rehearsed: whether the way back was proved for this release."""

import pytest
from django.utils import timezone

from engine.models import Release

pytestmark = pytest.mark.django_db

LEAF = "uses: service.rollback_rehearsed"


def test_it_is_met_by_a_rehearsal_of_this_release(step, churn, app_release):
    app_release(1, 0)

    def second(run):
        app_release(2, 100, run)
        Release.objects.filter(number=2).update(rehearsed_at=timezone.now(), rehearsal={"fell_back_to": 1})

    row = step(LEAF, deployment=churn, release=second)
    assert row.state == "succeeded"
    assert row.note.endswith("release 1 answered")


def test_until_then_it_says_what_is_missing(step, churn, app_release):
    app_release(1, 0)
    row = step(LEAF, deployment=churn, release=lambda run: app_release(2, 100, run))
    assert row.reason == "the way back has not been rehearsed for this release"


def test_the_first_release_waits_for_a_second(step, churn, app_release):
    row = step(LEAF, deployment=churn, release=lambda run: app_release(1, 100, run))
    assert row.reason == "this is the first release, so there is no earlier one to go back to yet"
