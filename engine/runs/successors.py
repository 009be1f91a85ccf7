"""Which rows follow from the flow and the ended steps. Pure.

`opening` and `following` give what `engine.runs.transitions` stores step by step. `expected` computes the same from the
states of all steps: the tests' oracle, and what resume and repair store.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from engine.definition.flow import Choose, Flow, Foreach, Leaf, Node, Parallel, Path, Repeat, Sequence, Sub

Iteration = tuple[int, ...]
Place = tuple[Path, Iteration]


@dataclass(frozen=True)
class NewBlock:
    path: Path
    iteration: Iteration
    open_children: int = 1
    round: int = 0


@dataclass(frozen=True)
class NewStep:
    path: Path
    iteration: Iteration
    leaf: str = ""  # empty: a decision of the block at this path
    block: Place | None = None


@dataclass(frozen=True)
class Opening:
    """The rows of a node that is opened, parents first. No rows: the node is empty and closes at once."""

    blocks: tuple[NewBlock, ...] = ()
    steps: tuple[NewStep, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.steps)


def opening(flow: Flow, path: Path, iteration: Iteration, block: Place | None) -> Opening:
    """The rows that entering the node at `path` makes; `block` is the block around it."""
    node, here = flow.at(path), (path, iteration)
    match node:
        case Leaf():
            return Opening(steps=(NewStep(path, iteration, node.id, block),))
        case Sequence():
            inner = following(flow, path, -1, iteration)
            return Opening((NewBlock(path, iteration), *inner.blocks), inner.steps) if inner else Opening()
        case Parallel():
            inside = [opening(flow, (*path, i), iteration, here) for i in range(len(node.branches))]
            started = [opened for opened in inside if opened]
            if not started:
                return Opening()
            blocks = [b for opened in started for b in opened.blocks]
            return Opening(
                (NewBlock(path, iteration, len(started)), *blocks), tuple(s for opened in started for s in opened.steps)
            )
        case Choose() | Foreach():
            return Opening((NewBlock(path, iteration),), (NewStep(path, iteration, block=here),))
        case Sub():
            inner = opening(flow, (*path, 0), iteration, here)
            return Opening((NewBlock(path, iteration), *inner.blocks), inner.steps) if inner else Opening()
        case Repeat():
            inner = round_of(flow, path, iteration, 1)
            return Opening((NewBlock(path, iteration, round=1), *inner.blocks), inner.steps)


def following(flow: Flow, path: Path, child: int, iteration: Iteration) -> Opening:
    """The rows that follow child number `child` of the sequence at `path`; none: the sequence closes."""
    node = flow.at(path)
    assert isinstance(node, Sequence)
    for index in range(child + 1, len(node.children)):
        if inner := opening(flow, (*path, index), iteration, (path, iteration)):
            return inner
    return Opening()


def round_of(flow: Flow, path: Path, iteration: Iteration, number: int) -> Opening:
    """A round of the repeat at `path`: its flow, or its question at once where the flow is empty."""
    here = (path, iteration)
    inner = opening(flow, (*path, 0), (*iteration, number), here)
    return inner or decision(path, iteration, number)


def decision(path: Path, iteration: Iteration, number: int) -> Opening:
    return Opening(steps=(NewStep(path, (*iteration, number), block=(path, iteration)),))


def again_of(flow: Flow, path: Path, iteration: Iteration, number: int) -> Opening:
    """The rows that follow a round to be repeated: those of `again`, or of the next round where it is empty."""
    inner = opening(flow, (*path, 1), (*iteration, number), (path, iteration))
    return inner or round_of(flow, path, iteration, number + 1)


def items_of(flow: Flow, path: Path, iteration: Iteration, numbers: Iterable[int]) -> Opening:
    """These items of the foreach at `path`, counted from 1."""
    here = (path, iteration)
    opened = [opening(flow, (*path, 0), (*iteration, number), here) for number in numbers]
    return Opening(tuple(b for o in opened for b in o.blocks), tuple(s for o in opened for s in o.steps))


def comes_after(flow: Flow, first: Place, second: Place) -> bool:
    """Whether the second place comes after the first in the flow: never between parallel branches or items.

    A place is a leaf's or a question's, as in a step's row.
    """
    (a, rounds_a), (b, rounds_b) = first, second
    loop = 0  # how many loops have been gone through: the index into an iteration
    for depth in range(min(len(a), len(b)) + 1):
        at_a, at_b = a[depth : depth + 1], b[depth : depth + 1]
        match flow.at(a[:depth]):
            case Repeat():
                mine, other = rounds_a[loop], rounds_b[loop]
                part_a, part_b = _part(at_a), _part(at_b)
                if (mine, part_a) != (other, part_b):
                    return (other, part_b) > (mine, part_a)
                loop += 1
            case Foreach() if at_a and at_b:
                if rounds_a[loop] != rounds_b[loop]:
                    return False
                loop += 1
            case Sequence() if at_a != at_b:
                return at_b > at_a
        if not at_a or not at_b:
            return bool(at_b) and not at_a  # the question of this block comes before what is in it
        if at_a != at_b:
            return False
    return False


def _part(index: Path) -> int:
    """Within a round: its flow, then its question, then `again`."""
    return {(0,): 0, (): 1, (1,): 2}[index]


# --- after many places at once ----------------------------------------------------------------------------------------


class Following:
    """The places that come after any of the given ones: `comes_after` for many, in one walk.

    `earliest` holds, for each block around the given places, the earliest child or round with one of them.
    """

    def __init__(self, flow: Flow, places: Iterable[Place]) -> None:
        self.flow = flow
        self.earliest: dict[Place, tuple[int, ...]] = {}
        self.asked: set[Place] = set()  # blocks whose question is among the places: what is in them follows it
        for place in places:
            for block, node, step, at in self._around(place):
                if step:
                    self.earliest[block] = min(step, self.earliest.get(block, step))
                elif not at and not isinstance(node, Leaf):
                    self.asked.add(block)

    def __contains__(self, place: Place) -> bool:
        for block, _, step, at in self._around(place):
            if at and block in self.asked:
                return True
            if step and block in self.earliest and self.earliest[block] < step:
                return True
        return False

    def _around(self, place: Place) -> Iterator[tuple[Place, Node, tuple[int, ...], Path]]:
        """From the root to the place: (block, its node, where in its order the place stands, the child's index)."""
        path, iteration = place
        loop = 0
        for depth in range(len(path) + 1):
            node, at = self.flow.at(path[:depth]), path[depth : depth + 1]
            block = (path[:depth], iteration[:loop])
            yield block, node, _step(node, at, iteration, loop), at
            if isinstance(node, Repeat) or (isinstance(node, Foreach) and at):
                loop += 1


def _step(node: Node, at: Path, iteration: Iteration, loop: int) -> tuple[int, ...]:
    """Where a child stands in a block that has an order: a sequence's index, a repeat's round and part."""
    match node:
        case Sequence():
            return at
        case Repeat():
            return iteration[loop], _part(at)
        case _:
            return ()


# --- from scratch ----------------------------------------------------------------------------------------------------

Ended = Mapping[Place, object]  # a step's place -> its decision (branch, again, number of items), None for a leaf


@dataclass(frozen=True)
class OpenBlock:
    """What a block's row says while the block is open."""

    open_children: int = 1
    round: int = 0
    total: int | None = None


@dataclass
class Expected:
    """The rows a run should have, computed from its ended steps alone."""

    due: set[Place] = field(default_factory=set)  # opened, and not ended
    reached: set[Place] = field(default_factory=set)  # opened, ended or not
    blocks: dict[Place, OpenBlock] = field(default_factory=dict)  # open ones


def expected(flow: Flow, ended: Ended) -> Expected:
    state = Expected()
    _Recount(flow, ended, state).over((), ())
    return state


def due(flow: Flow, ended: Ended) -> set[Place]:
    """Every place that has been opened and has not ended. Empty: the run is over."""
    return expected(flow, ended).due


class _Recount:
    def __init__(self, flow: Flow, ended: Ended, state: Expected) -> None:
        self.flow, self.ended, self.found = flow, ended, state

    def over(self, path: Path, iteration: Iteration) -> bool:
        """Whether this node has ended; notes the places it waits for."""
        node = self.flow.at(path)
        match node:
            case Leaf():
                return self.step(path, iteration)
            case Sequence(children=nodes):
                finished = all(self.over((*path, i), iteration) for i in range(len(nodes)))
                return self.block(finished, path, iteration)
            case Sub():
                return self.block(self.over((*path, 0), iteration), path, iteration)
            case Parallel(branches=branches):
                # All branches are asked, also after one that waits, because each notes its own places.
                left = [self.over((*path, i), iteration) for i in range(len(branches))].count(False)
                return self.block(not left, path, iteration, OpenBlock(left))
            case Choose():
                return self.block(self.chosen(path, iteration), path, iteration)
            case Foreach():
                return self.foreach(node, path, iteration)
            case Repeat():
                return self.repeat(path, iteration)

    def step(self, path: Path, iteration: Iteration) -> bool:
        self.found.reached.add((path, iteration))
        if (path, iteration) in self.ended:
            return True
        self.found.due.add((path, iteration))
        return False

    def block(self, finished: bool, path: Path, iteration: Iteration, row: OpenBlock | None = None) -> bool:
        if not finished:
            self.found.blocks[path, iteration] = row or OpenBlock()
        return finished

    def chosen(self, path: Path, iteration: Iteration) -> bool:
        if not self.step(path, iteration):
            return False
        branch = self.ended[path, iteration]
        return branch is None or self.over((*path, int(str(branch))), iteration)

    def foreach(self, node: Foreach, path: Path, iteration: Iteration) -> bool:
        if not self.step(path, iteration):
            return self.block(False, path, iteration)
        total, left, number = int(str(self.ended[path, iteration])), 0, 0
        while number < total and left < node.max_parallel:
            number += 1
            left += not self.over((*path, 0), (*iteration, number))
        row = OpenBlock(left + total - number, number, total)
        return self.block(not row.open_children, path, iteration, row)

    def repeat(self, path: Path, iteration: Iteration) -> bool:
        number = 0
        while True:
            number += 1
            inside = (*iteration, number)
            row = OpenBlock(1, number)
            if not self.over((*path, 0), inside) or not self.step(path, inside):
                return self.block(False, path, iteration, row)
            if not self.ended[path, inside]:
                return True
            if not self.over((*path, 1), inside):
                return self.block(False, path, iteration, row)
