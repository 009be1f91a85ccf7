"""The changes of a deployment's state and of its criteria, from which value to which, the newest first.

Pure: from the events as they were written.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol

from engine.statuses import CriterionState, DeploymentState

CRITERION = "criterion.changed"
STATES = {f"deployment.{state}" for state in DeploymentState.values}
KINDS = [*sorted(STATES), CRITERION]


class EventRead(Protocol):
    """What is read of an event."""

    at: datetime
    kind: str
    text: str
    data: dict[str, Any]


@dataclass(frozen=True)
class HistoryLine:
    """`title` is empty where the deployment itself changed its state."""

    at: datetime
    title: str
    before: str  # a state, or "" where nothing is known of before
    after: str
    reason: str
    release: int | None = None
    until: datetime | None = None  # when it changed again; None: it still says so

    @property
    def lasted(self) -> float | None:
        """Seconds; None while it lasts."""
        return None if self.until is None else (self.until - self.at).total_seconds()

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


def changes(events: Iterable[EventRead]) -> list[HistoryLine]:
    """`events` in the order they were written."""
    last: dict[str, int] = {}  # where the newest change of each criterion stands, and of the deployment under ""
    differences: list[HistoryLine] = []
    for event in events:
        key, before = _key(event), ""
        if (place := last.get(key)) is not None:
            before = differences[place].after
            differences[place] = replace(differences[place], until=event.at)
        last[key] = len(differences)
        differences.append(_change(event, before))
    return differences[::-1]


def _key(event: EventRead) -> str:
    return str(event.data["criterion"]) if event.kind == CRITERION else ""


def _change(event: EventRead, before: str) -> HistoryLine:
    data = event.data
    if event.kind == CRITERION:
        title = str(data.get("title") or event.text.partition(":")[0])
        reason = str(data.get("reason", "")) or event.text.partition(". ")[2]
        return HistoryLine(event.at, title, before, str(data["state"]), reason, data.get("release"))
    return HistoryLine(event.at, "", before, event.kind.partition(".")[2], event.text)
