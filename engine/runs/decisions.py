"""The questions that blocks ask: which branch, once more, over which items. Answered outside any transaction."""

from __future__ import annotations

from django.utils import timezone

from engine.definition.expressions import Absent, ExpressionError, expressions_in, parse, resolve
from engine.definition.flow import Branch, Choose, Foreach, Repeat, read_path
from engine.models import Signal, StepRun
from engine.outcomes import Asking, Failed, Needs, Outcome, Succeeded, groups_of
from engine.runs.context import context_for, met

MOST_ITEMS = 10_000


def decide(row: StepRun) -> Outcome:
    """What this block's question comes to now."""
    node = row.run.flow.at(read_path(row.path))
    match node:
        case Repeat():
            return _repeat(row, node)
        case Foreach():
            return _foreach(row, node)
        case Choose(ask="first"):
            return _first(row, node)
        case Choose():
            return _ask_branch(row, node) if node.ask else _choose(row, node)
        case _:
            raise AssertionError(f"{node} asks nothing")


def _choose(row: StepRun, node: Choose) -> Outcome:
    context = context_for(row, [parse(branch.when) for branch in node.branches if branch.when])
    for index, branch in enumerate(node.branches):
        if branch.when is None or met(branch.when, context):
            return Succeeded({"branch": index}, parse(branch.when).text if branch.when else "otherwise")
    return Succeeded({"branch": None}, "no branch applies")


def _ask_branch(row: StepRun, node: Choose) -> Outcome:
    labels = [branch.called(number) for number, branch in enumerate(node.branches, 1)]
    chosen = row.answered.choice if row.answered else ""
    if chosen not in labels:
        return Asking("Which way?", verb="decide", needs=Needs(choices=tuple(labels)))
    return Succeeded({"branch": labels.index(chosen)}, chosen)


def _repeat(row: StepRun, node: Repeat) -> Outcome:
    round_ = read_path(row.iteration)[-1]
    if node.ask:
        if row.answered is None:
            return Asking("Is it good enough, or again?", verb="decide", needs=Needs(choices=("enough", "again")))
        over = row.answered.choice != "again"
    else:
        assert node.until is not None
        expression = parse(node.until)
        try:
            over = bool(expression.evaluate(context_for(row, [expression])))
        except Absent as absent:
            return Succeeded({"again": False}, f"counts as met: {absent}")
    if over:
        return Succeeded({"again": False}, f"round {round_} was enough")
    if round_ < node.at_most:
        return Succeeded({"again": True}, f"round {round_ + 1} of at most {node.at_most}")
    if node.on_limit == "continue":
        return Succeeded({"again": False}, f"went on after {round_} rounds")
    return Failed(f"{round_} rounds were not enough; {node.at_most} is the most.")


def _foreach(row: StepRun, node: Foreach) -> Outcome:
    try:
        items = resolve(node.items, context_for(row, list(expressions_in(node.items))))
    except Absent:
        items = None
    if items is None:
        return Succeeded({"items": [], "count": 0}, "no items: the list is absent")
    if not isinstance(items, list):
        return Failed(f"A foreach runs over a list; {node.items} is {type(items).__name__}.")
    if len(items) > MOST_ITEMS:
        return Failed(f"A foreach runs over at most {MOST_ITEMS:,} items; here are {len(items):,}.")
    return Succeeded({"items": items, "count": len(items)}, f"{len(items)} items, {node.max_parallel} at a time")


def _first(row: StepRun, node: Choose) -> Outcome:
    """Whichever comes first: an event that was sent, somebody's word, or a time."""
    labels = [branch.called(number) for number, branch in enumerate(node.branches, 1)]
    for index, branch in enumerate(node.branches):
        name = (branch.on or {}).get("event")
        if name and (signal := Signal.take(row, name)):
            return Succeeded({"branch": index, "data": signal.data}, f"{name} came first")
    if (answer := row.answered) and answer.choice in labels:
        return Succeeded({"branch": labels.index(answer.choice)}, f"{answer.by}: {answer.choice}")
    times = {i: _seconds(row, branch) for i, branch in enumerate(node.branches) if "after" in (branch.on or {})}
    begun = (row.asked_at or timezone.now()).timestamp()
    if times and begun + min(times.values()) <= timezone.now().timestamp():
        index = min(times, key=lambda i: times[i])
        return Succeeded({"branch": index}, f"{labels[index]} came first")
    return _wait_for_first(node, labels, begun + min(times.values()) if times else None)


def _wait_for_first(node: Choose, labels: list[str], deadline: float | None) -> Asking:
    asked = [
        (label, b.on["approve"]) for label, b in zip(labels, node.branches, strict=True) if b.on and "approve" in b.on
    ]
    events = tuple(b.on["event"] for b in node.branches if b.on and "event" in b.on)
    by = sorted({group for _, form in asked for group in groups_of((form or {}).get("by"), "champion")})
    needs = Needs(choices=tuple(label for label, _ in asked), events=events)
    question = f"Waits for the first of: {', '.join(labels)}"
    return Asking(question, groups_of(by, "nobody"), "decide", needs, deadline)


def _seconds(row: StepRun, branch: Branch) -> float:
    value = (branch.on or {})["after"]
    seconds = resolve(value, context_for(row, list(expressions_in(value))))
    try:
        return float(seconds)
    except (TypeError, ValueError) as error:
        raise ExpressionError(f"“after” is a number of seconds, not {seconds!r}") from error
