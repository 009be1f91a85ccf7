"""Random flows for property tests: every block, decided by the test as people would decide it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from engine.definition.flow import Branch, Choose, Foreach, Leaf, Node, Parallel, Repeat, Sequence, Sub, mapped

MOST_ROUNDS = 3
_BLOCKS = ("sequence", "parallel", "parallel", "foreach", "foreach", "choose", "repeat")
_KINDS = ("leaf", "leaf", "leaf", *_BLOCKS)


@st.composite
def trees(draw: st.DrawFn, depth: int = 2, leaf: st.SearchStrategy[Leaf] | None = None, *, block: bool = False) -> Node:
    """A random tree whose leaves all have the id x; `numbered` tells them apart. `block`: not merely a leaf."""
    leaves = leaf if leaf is not None else st.just(Leaf(id="x", uses="test.probe"))
    kind = draw(st.sampled_from(_BLOCKS if block else _KINDS)) if depth else "leaf"
    inner = trees(depth=depth - 1, leaf=leaf)
    match kind:
        case "sequence":
            return Sequence(tuple(draw(st.lists(inner, min_size=0, max_size=3))))
        case "parallel":
            return Parallel(tuple(draw(st.lists(inner, min_size=2, max_size=3))))
        case "choose":
            nodes = draw(st.lists(inner, min_size=1, max_size=3))
            return Choose(tuple(Branch(node, label=f"b{i}") for i, node in enumerate(nodes)), ask="person")
        case "repeat":
            return Repeat(draw(inner), draw(inner), at_most=MOST_ROUNDS, ask="person")
        case "foreach":
            items: list[Any] = list(range(draw(st.integers(0, 3))))
            return Foreach(items, Sequence((draw(inner),)), max_parallel=draw(st.integers(1, 3)))
        case _:
            return draw(leaves)


def numbered(node: Node) -> Node:
    """The same tree with an id of its own for each leaf."""
    count = iter(range(1, 10_000))

    def name(one: Leaf | Sub) -> Node:
        new = f"s{next(count)}"
        if isinstance(one, Leaf) and one.compensate:
            return replace(one, id=new, compensate=replace(one.compensate, id=new))
        return replace(one, id=new)

    return mapped(node, name)


def flows(leaf: st.SearchStrategy[Leaf] | None = None, depth: int = 2) -> st.SearchStrategy[Node]:
    """A flow that begins with a step, so that it is never empty."""
    first = leaf if leaf is not None else st.just(Leaf(id="x", uses="test.probe"))
    return st.tuples(first, trees(depth=depth, leaf=leaf, block=True)).map(lambda pair: numbered(Sequence(pair)))
