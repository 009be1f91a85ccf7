"""endpoint.fallback_rehearsed: reads what the rehearsal saw."""

from datetime import UTC, datetime

import pytest

pytestmark = pytest.mark.django_db

LEAF = "uses: endpoint.fallback_rehearsed"


def test_it_says_when_and_what_answered(step, churn, release):
    when = datetime(2026, 3, 1, 14, 5, tzinfo=UTC)
    seen = {"rehearsed_at": when, "rehearsal": {"fell_back_to": 1}}
    row = step(LEAF, deployment=churn, release=lambda run: release(2, 100, run, **seen))
    assert (row.state, row.note) == ("succeeded", "rehearsed 01 Mar 14:05: version 1 answered")


def test_not_rehearsed_is_not_met(step, churn, release):
    release(1)
    row = step(LEAF, deployment=churn, release=lambda run: release(2, 100, run))
    assert (row.state, row.reason) == ("failed", "the way back has not been rehearsed for this version")


def test_the_first_version_says_why_it_cannot_be(step, churn, release):
    row = step(LEAF, deployment=churn, release=lambda run: release(1, 100, run))
    assert row.reason == "this is the first version, so there is no earlier one to go back to yet"
