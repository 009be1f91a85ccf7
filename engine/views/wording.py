"""What pages say of a step: which item it is, what holds it up, whom it waits for, what happens at a deadline."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.utils import timezone
from django.utils.formats import date_format

from engine.definition.flow import Branch, Choose, Flow, Foreach, Path, Repeat, leaves, read_path, write_path
from engine.models import StepRun
from engine.outcomes import groups_of
from engine.queue import concurrency
from engine.statuses import RunState, StepState
from lib import durations
from people.models import Role

Totals = Mapping[tuple[str, str], int]  # (path, iteration) of a foreach's block -> how many items it has
LATE = {"fail": "the step fails", "approve": "it counts as a yes", "skip": "the step is skipped"}
MOST_QUEUES = 5  # whose holders a page names
GROUPS = {"team": "an engineer of the team", "champion": "the champion", "nobody": "an event; no person can answer"}


# --- where a step stands ---------------------------------------------------------------------------------------------


def place(flow: Flow, row: StepRun, totals: Totals) -> str:
    """“item 3 of 12, round 2”: which item of each foreach around a step, and which round of each repeat."""
    if row.purpose == StepRun.Purpose.UNDO:
        return ""
    return where(flow, read_path(row.path), row.iteration, totals)


def where(flow: Flow, path: Path, iteration: str, totals: Totals | None = None) -> str:
    numbers = read_path(iteration)
    loops = flow.rounds(path)
    if isinstance(flow.nodes.get(path), Repeat):  # its question is asked once a round
        loops = (*loops, path)
    words = []
    for depth, (loop, number) in enumerate(zip(loops, numbers, strict=False)):
        node = flow.at(loop)
        if isinstance(node, Foreach):
            total = (totals or {}).get((write_path(loop), write_path(numbers[:depth])))
            words.append(f"{node.name} {number:,}{f' of {total:,}' if total else ''}")
        elif number > 1:
            words.append(f"round {number}")
    return ", ".join(words)


def question(flow: Flow, path: str) -> str:
    """What a block asks, as the title of its question."""
    match flow.nodes.get(read_path(path)):
        case Repeat():
            return "Again?"
        case Foreach(name=name):
            return f"Which {name}s?"
        case Choose(ask="first"):
            return "Whichever comes first"
        case _:
            return "Which way?"


def title(row: StepRun) -> str:
    return question(row.run.flow, row.path) if row.purpose == StepRun.Purpose.DECIDE else row.title


def in_foreach(flow: Flow, path: str) -> bool:
    return any(isinstance(flow.at(loop), Foreach) for loop in flow.rounds(read_path(path)))


# --- what a step is about --------------------------------------------------------------------------------------------


def retrying(row: StepRun) -> bool:
    """Whether it failed for now and waits for its next attempt."""
    again = row.attempt > 1 and row.started_at is None and row.wake_at is not None
    return again and row.state == StepState.WAITING and not row.asking


def held(row: StepRun) -> bool:
    """Whether it stands in a queue: for a slot, or because its run is paused."""
    paused = row.state == StepState.READY and row.run.state == RunState.PAUSED
    return bool(row.queue) or paused


def word(row: StepRun) -> str:
    if held(row):
        return "Queued"
    if row.undone:
        return "Undone"
    return "Tries again" if retrying(row) else row.get_state_display()


def mark(row: StepRun, marks: Mapping[str, str]) -> str:
    """Its mark: a step that polls its own job is going, a queued one is quiet."""
    if held(row) or row.undone:
        return "quiet"
    return "going" if row.state == StepState.WAITING and not row.asking else marks[row.state]


def says(row: StepRun, queues: Mapping[str, str]) -> str:
    """The sentence beside a step's state: what it waits for or asks, why it failed, or its note."""
    if held(row):
        return queues.get(row.queue, "waits for its turn") if row.queue else "waits: the run is paused"
    if row.state == StepState.READY and "" in queues:
        return queues[""]
    if retrying(row):
        return f"attempt {row.attempt} comes {soon(row.wake_at)}; before: {row.reason}"
    if row.asks:
        return "" if row.asks.question == title(row) else row.asks.question
    return row.reason or row.note


def queues_of(rows: list[StepRun]) -> dict[str, str]:
    """{queue: what its steps wait for}; "" is that of steps that are ready, where no engine looks for any.

    Two queries a queue, and at most `MOST_QUEUES` queues.
    """
    first = {row.queue: row for row in reversed(rows) if concurrency.waiting(row)}
    found = {queue: concurrency.waits_for(row) for queue, row in list(first.items())[:MOST_QUEUES]}
    return {queue: said for queue, said in found.items() if said}


def soon(moment: datetime | None) -> str:
    """“at 14:03:12, in 9 s”."""
    if moment is None:
        return "soon"
    left = (moment - timezone.now()).total_seconds()
    wait = f"in {durations.in_words(left)}" if left > 1 else "now"
    return f"at {date_format(timezone.localtime(moment), 'H:i:s')}, {wait}"


# --- what a step asks ------------------------------------------------------------------------------------------------


def whom(groups: Iterable[str]) -> str:
    """“the champion or Clara”."""
    return " or ".join(GROUPS.get(group) or _role(group) for group in groups)


def _role(group: str) -> str:
    article = "an" if group[:1] in "aeiou" else "a"
    return f"{article} {Role(group).label.lower()} of the team" if group in Role.values else group


@dataclass(frozen=True)
class Deadline:
    at: datetime
    otherwise: str  # what happens then


def deadline(row: StepRun) -> Deadline | None:
    asks = row.asks
    if asks is None or not asks.deadline:
        return None
    at = datetime.fromtimestamp(asks.deadline, UTC)
    if asks.verb == "decide":
        return Deadline(at, f"it takes the branch “{_by_time(row)}”")
    return Deadline(at, LATE.get(asks.needs.on_deadline, "the run continues without an answer"))


def _by_time(row: StepRun) -> str:
    """The branch that a `first` takes when its time is up: the one with the shortest."""
    timed = [branch for branch in branches(row) if "after" in (branch.on or {})]
    known = [branch for branch in timed if isinstance(_after(branch), int | float)]
    if len(known) == len(timed) and known:
        return min(known, key=lambda branch: float(_after(branch))).called()
    return timed[0].called() if len(timed) == 1 else "the time"


def _after(branch: Branch) -> Any:
    return (branch.on or {}).get("after")


def branches(row: StepRun) -> tuple[Branch, ...]:
    node = row.run.flow.nodes.get(read_path(row.path))
    return node.branches if isinstance(node, Choose) and row.purpose == StepRun.Purpose.DECIDE else ()


def ways(row: StepRun) -> list[tuple[str, str]]:
    """What a `first` waits for: (what has to come, what then happens)."""
    until = deadline(row)
    return [(_comes(branch, until), _then(branch)) for branch in branches(row) if branch.on]


def _then(branch: Branch) -> str:
    first = next(leaves(branch.flow), None)
    return first.name if first else "it goes on"


def _comes(branch: Branch, until: Deadline | None) -> str:
    on = branch.on or {}
    if "event" in on:
        return f"the event “{on['event']}” arrives"
    if "approve" in on:
        return f"{whom(groups_of((on['approve'] or {}).get('by'), 'champion'))} says so"
    after = on.get("after")
    time = f" ({durations.in_words(after)})" if isinstance(after, int | float) else ""
    at = date_format(timezone.localtime(until.at), "j M H:i") if until else "the time it was given"
    return f"nothing has come by {at}{time}"
