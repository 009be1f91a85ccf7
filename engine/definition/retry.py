"""When to try again. Pure."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from engine.outcomes import Failed

FIRST_WAIT = 1.0  # seconds
LONGEST_WAIT = 300.0
CLASSES = {
    "temporary": "the step said that trying again can help",
    "timeout": "it took longer than it may",
    "target": "the target it works on was in trouble",
    "permanent": "trying again does not help by itself",
}


@dataclass(frozen=True)
class Policy:
    """How often each class of failure is tried again, and how long the waits are."""

    times: Mapping[str, int] = field(default_factory=dict)
    wait: float = FIRST_WAIT  # seconds before the first retry, doubled each time
    at_most: float = LONGEST_WAIT  # seconds


def policy(retries: int | Mapping[str, Any]) -> Policy:
    """The policy of a leaf's `retries`: a number for temporary failures, or one for each class."""
    if isinstance(retries, int):
        return Policy(dict.fromkeys(("temporary", "timeout", "target"), retries))
    times = {name: int(retries[name]) for name in CLASSES if name in retries}
    return Policy(times, float(retries.get("wait", FIRST_WAIT)), float(retries.get("at_most", LONGEST_WAIT)))


def wait_before_retry(
    failed: Failed, attempt: int, retries: int | Mapping[str, Any], *, jitter: float | None = None
) -> float | None:
    """Seconds until the next attempt, or None when the failure stands. `attempt` counts from 1; `jitter` is 0–1.

    Exponential back-off with full jitter on its upper half, so that steps that failed together do not return together.
    """
    rule = policy(retries)
    if attempt > rule.times.get(failed.failure, 0):
        return None
    full = min(rule.at_most, rule.wait * 2.0 ** (attempt - 1))
    share = random.random() if jitter is None else jitter  # noqa: S311 - spreads load, keeps no secret
    return full * (0.5 + 0.5 * share)
