"""When to try again. Pure."""

from __future__ import annotations

import random

from engine.outcomes import Failed

FIRST_WAIT = 1.0  # seconds
LONGEST_WAIT = 300.0


def wait_before_retry(failed: Failed, attempt: int, retries: int, *, jitter: float | None = None) -> float | None:
    """Seconds until the next attempt, or None when the failure stands. `attempt` counts from 1; `jitter` is 0–1.

    Exponential back-off with full jitter on its upper half, so that steps that failed together do not return together.
    """
    if not failed.temporary or attempt > retries:
        return None
    full = min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** (attempt - 1))
    share = random.random() if jitter is None else jitter  # noqa: S311 - spreads load, keeps no secret
    return full * (0.5 + 0.5 * share)
