"""What changed and when: a deployment's states and its criteria, each from what to what, the newest first.

Pure: from the events as they were written.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from engine.statuses import CriterionState, DeploymentState

CRITERION = "criterion.changed"
STATES = {f"deployment.{state}" for state in DeploymentState.values}
KINDS = [*sorted(STATES), CRITERION]


class Said(Protocol):
    """What is read of an event."""

    at: datetime
    kind: str
    text: str
    data: dict[str, Any]


@dataclass(frozen=True)
class Change:
    """`title` is empty where the deployment itself changed its state."""

    at: datetime
    title: str
    before: str  # a state, or "" where nothing is known of before
    after: str
    reason: str
    release: int | None = None

    @property
    def before_word(self) -> str:
        return _word(self.title, self.before)

    @property
    def after_word(self) -> str:
        return _word(self.title, self.after)

    @property
    def again(self) -> bool:
        """Whether it says the same as before, of another release."""
        return self.before == self.after


def _word(title: str, state: str) -> str:
    if not state:
        return ""
    return str(CriterionState(state).label) if title else str(DeploymentState(state).label)


def changes(events: Iterable[Said]) -> list[Change]:
    """`events` in the order they were written."""
    now: dict[str, str] = {}  # what each criterion, and the deployment under "", said last
    found = []
    for event in events:
        key, change = _change(event, now)
        now[key] = change.after
        found.append(change)
    return found[::-1]


def _change(event: Said, now: dict[str, str]) -> tuple[str, Change]:
    data = event.data
    if event.kind == CRITERION:
        key, after = str(data["criterion"]), str(data["state"])
        title = str(data.get("title") or event.text.partition(":")[0])
        reason = str(data.get("reason", "")) or event.text.partition(". ")[2]
        return key, Change(event.at, title, now.get(key, ""), after, reason, data.get("release"))
    after = event.kind.partition(".")[2]
    return "", Change(event.at, "", now.get("", ""), after, event.text)
