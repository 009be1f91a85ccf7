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


def groups_of(by: Any, otherwise: str = "team") -> tuple[str, ...]:
    """Who may answer, as a list: a template writes one name or several."""
    if by in (None, "", []):
        return (otherwise,)
    return tuple(map(str, by)) if isinstance(by, list | tuple) else (str(by),)


@dataclass(frozen=True)
class Needs:
    """What an answer has to bring, and who may not give it."""

    outputs: Mapping[str, str] = field(default_factory=dict)  # name -> type, declared by a manual step
    choices: tuple[str, ...] = ()
    events: tuple[str, ...] = ()  # any of these answers too
    quorum: int = 1
    barred: tuple[str, ...] = ()  # user names
    on_deadline: str = ""  # fail, approve or skip

    def stored(self) -> dict[str, Any]:
        """As JSON, without what says nothing. `barred` is stored as `not`, as versions before this one did."""
        lists = {"choices": list(self.choices), "events": list(self.events), "not": list(self.barred)}
        every = {"outputs": dict(self.outputs), **lists, "on_deadline": self.on_deadline}
        given = {name: value for name, value in every.items() if value}
        return given | ({"quorum": self.quorum} if self.quorum != 1 else {})

    @classmethod
    def read(cls, stored: Mapping[str, Any]) -> Needs:
        return cls(
            dict(stored.get("outputs", {})), tuple(stored.get("choices", ())), tuple(stored.get("events", ())),
            int(stored.get("quorum", 1)), tuple(stored.get("not", ())), str(stored.get("on_deadline", "")),
        )  # fmt: skip


@dataclass(frozen=True)
class Asking:
    """Waits for a person, without a time of its own unless `deadline` (seconds since the epoch) is given."""

    question: str
    by: tuple[str, ...] = ("team",)  # who may answer: team, champion, a role, a user name, or nobody (an event alone)
    verb: str = "confirm"  # or approve, decide
    needs: Needs = field(default_factory=Needs)
    deadline: float | None = None

    def stored(self) -> dict[str, Any]:
        """As JSON, in a step's row."""
        deadline = {"deadline": self.deadline} if self.deadline else {}
        return {
            "question": self.question,
            "by": list(self.by),
            "verb": self.verb,
            "needs": self.needs.stored(),
        } | deadline

    @classmethod
    def read(cls, stored: Mapping[str, Any]) -> Asking:
        """From what `stored` gave, also by an older version of it."""
        return cls(
            str(stored.get("question", "")), groups_of(stored.get("by", "team"), "nobody"),
            str(stored.get("verb", "confirm")), Needs.read(stored.get("needs", {})), stored.get("deadline"),
        )  # fmt: skip


@dataclass(frozen=True)
class Answer:
    """What a person answered."""

    by: str  # user name
    at: str  # ISO 8601
    values: Mapping[str, Any] = field(default_factory=dict)
    comment: str = ""

    @property
    def choice(self) -> str:
        return str(self.values.get("choice", ""))

    def stored(self) -> dict[str, Any]:
        return {"by": self.by, "values": dict(self.values), "comment": self.comment, "at": self.at}

    @classmethod
    def read(cls, stored: Mapping[str, Any]) -> Answer:
        return cls(
            str(stored["by"]), str(stored.get("at", "")), dict(stored.get("values", {})), stored.get("comment", "")
        )


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


def _as_text(value: str) -> str:
    return value.replace("\0", "\ufffd").encode("utf-8", "replace").decode()


class TemporaryFailure(Exception):
    """Raised inside a step: trying again can help."""


class PermanentFailure(Exception):
    """Raised inside a step: trying again cannot help."""


class MissingInput(PermanentFailure):
    """An optional input this step needs was not given: the step is skipped and says why."""
