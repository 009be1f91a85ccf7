"""What executing a step can come to. Frozen values; `workers.executor` turns every way of failing into one of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any


@dataclass(frozen=True)
class Succeeded:
    outputs: Mapping[str, Any] = field(default_factory=dict)
    note: str = ""  # a few words for the run page: "41 of 41 columns, 1 warning"


@dataclass(frozen=True)
class Failed:
    reason: str  # what happened, why, and what to do
    temporary: bool = False  # whether trying again can help
    of: str = ""  # its class, for retries: timeout or target; else temporary or permanent

    @property
    def failure(self) -> str:
        """Its class, as `retries` names it."""
        return self.of or ("temporary" if self.temporary else "permanent")


@dataclass(frozen=True)
class Skipped:
    reason: str


@dataclass(frozen=True)
class Poll:
    """Launched and not finished: look again after so many seconds."""

    seconds: float = 0.25
    note: str = ""


@dataclass(frozen=True)
class Asking:
    """Waits for a person, without a time of its own unless `deadline` (seconds since the epoch) is given."""

    question: str
    by: str | list[str] = "team"  # who may answer: team, champion, a role, a user name, or several of these
    verb: str = "confirm"  # or approve, decide
    needs: Mapping[str, Any] = field(default_factory=dict)  # declared outputs, choices, quorum
    deadline: float | None = None


@dataclass(frozen=True)
class Queued:
    """Not to be begun now: it stays in this queue (engine.queue.concurrency) until it is let in."""

    queue: str


Outcome = Succeeded | Failed | Skipped | Poll | Asking | Queued


def in_words(outcome: Outcome) -> Outcome:
    """The outcome with what it says as text that every database takes: a program may have printed anything."""
    match outcome:
        case Succeeded(note=said) | Poll(note=said) if (text := _as_text(said)) != said:
            return replace(outcome, note=text)
        case Failed(reason=said) | Skipped(reason=said) if (text := _as_text(said)) != said:
            return replace(outcome, reason=text)
        case _:
            return outcome


def _as_text(said: str) -> str:
    return said.replace("\0", "\ufffd").encode("utf-8", "replace").decode()


class TemporaryFailure(Exception):
    """Raised inside a step: trying again can help."""


class PermanentFailure(Exception):
    """Raised inside a step: trying again cannot help."""


class MissingInput(PermanentFailure):
    """An optional input this step needs was not given: the step is skipped and says why."""
