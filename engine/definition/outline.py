"""What a template will do, before it starts: its steps in order, each with the blocks around it in words.

Pure: from the flow alone. A page adds each persona's words and how long it took the people who were watched.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from engine.definition.drawing import at_once, branch_words, condition
from engine.definition.flow import Branch, Choose, Foreach, Leaf, Node, Parallel, Repeat, Sequence, Sub


@dataclass(frozen=True)
class Stop:
    """A step on the way. `maybe`: it is not walked every time."""

    leaf: Leaf
    where: tuple[str, ...] = ()  # outermost first: “up to 5 times”, “if: no worse than live”
    only: str = ""  # its own condition
    maybe: bool = False


def stops(root: Node) -> list[Stop]:
    return list(_stops(root, (), maybe=False))


def _stops(node: Node, where: tuple[str, ...], *, maybe: bool) -> Iterator[Stop]:
    match node:
        case Leaf():
            only = f"only if {condition(node.when)}" if node.when else ""
            yield Stop(node, where, only, maybe or bool(only))
        case Sequence(children=nodes):
            for child in nodes:
                yield from _stops(child, where, maybe=maybe)
        case Parallel(branches=branches):
            for child in branches:
                yield from _stops(child, (*where, "at the same time"), maybe=maybe)
        case Choose():
            for branch in node.branches:
                yield from _stops(branch.flow, (*where, _way(node, branch)), maybe=True)
        case Repeat():
            yield from _repeat(node, where, maybe=maybe)
        case Foreach():
            each = f"for each {node.name}, {at_once(node.max_parallel)}"
            yield from _stops(node.flow, (*where, each), maybe=maybe)
        case Sub():
            yield from _stops(node.flow, (*where, f"part of “{node.title or node.template}”"), maybe=maybe)


def _repeat(node: Repeat, where: tuple[str, ...], *, maybe: bool) -> Iterator[Stop]:
    often = (f"up to {node.at_most} times",) if node.at_most > 1 else ()
    yield from _stops(node.flow, (*where, *often), maybe=maybe)
    if node.at_most > 1:  # of one round alone nothing comes again
        yield from _stops(node.again, (*where, "before another round"), maybe=True)


def _way(node: Choose, branch: Branch) -> str:
    """When this branch is taken."""
    if node.ask == "person":
        return f"if somebody picks “{branch.label}”"
    if node.ask == "first":
        return branch_words(branch)
    if branch.when is None:
        return f"otherwise: {branch.label}" if branch.label else "otherwise"
    return f"if: {branch.label}" if branch.label else f"if {condition(branch.when)}"
