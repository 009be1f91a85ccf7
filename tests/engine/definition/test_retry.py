"""When a step is tried again."""

from __future__ import annotations

import pytest

from engine.definition.retry import LONGEST_WAIT, wait_before_retry
from engine.outcomes import Failed

TEMPORARY, PERMANENT = Failed("no answer", temporary=True), Failed("wrong file")
TIMEOUT = Failed("too long", temporary=True, of="timeout")


@pytest.mark.parametrize(
    ("failed", "attempt", "retries", "wait"),
    [
        (PERMANENT, 1, 5, None),
        (TEMPORARY, 1, 0, None),
        (TEMPORARY, 1, 1, 1.0),
        (TEMPORARY, 2, 1, None),
        (TEMPORARY, 4, 9, 8.0),
        (TEMPORARY, 30, 99, LONGEST_WAIT),
        (TIMEOUT, 1, 1, 1.0),
        (TIMEOUT, 1, {"temporary": 3}, None),
        (TEMPORARY, 3, {"temporary": 3, "wait": 10, "at_most": 25}, 25.0),
        (PERMANENT, 1, {"permanent": 1}, 1.0),
    ],
)
def test_it_waits_longer_each_time_and_then_gives_up(
    failed: Failed, attempt: int, retries: int | dict[str, int], wait: float | None
) -> None:
    assert wait_before_retry(failed, attempt, retries, jitter=1.0) == wait


def test_jitter_takes_away_at_most_half() -> None:
    waits = [wait_before_retry(TEMPORARY, 3, 9) for _ in range(50)]
    assert all(wait is not None and 2.0 <= wait <= 4.0 for wait in waits)
