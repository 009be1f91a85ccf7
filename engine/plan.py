"""What may start now. Pure: from the flow and what has ended to the rows that follow.

`opening` and `following` are what `engine.advance` stores step by step; `due` computes the same from nothing but the
states of all steps, and is the tests' oracle.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from engine.flow import Choose, Flow, Leaf, Parallel, Path, Repeat, Sequence

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
    """The rows that opening a node makes, parents first. Nothing at all: the node is empty and closes at once."""

    blocks: tuple[NewBlock, ...] = ()
    steps: tuple[NewStep, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.steps)


def opening(flow: Flow, path: Path, iteration: Iteration, block: Place | None) -> Opening:
    """What entering the node at `path` makes; `block` is the block it stands in."""
    node, here = flow.at(path), (path, iteration)
    match node:
        case Leaf():
            return Opening(steps=(NewStep(path, iteration, node.id, block),))
        case Sequence():
            inner = following(flow, path, -1, iteration)
            return Opening((NewBlock(path, iteration), *inner.blocks), inner.steps) if inner else Opening()
        case Parallel():
            inside = [opening(flow, (*path, i), iteration, here) for i in range(len(node.branches))]
            started = [found for found in inside if found]
            if not started:
                return Opening()
            blocks = [b for found in started for b in found.blocks]
            return Opening(
                (NewBlock(path, iteration, len(started)), *blocks), tuple(s for found in started for s in found.steps)
            )
        case Choose():
            return Opening((NewBlock(path, iteration),), (NewStep(path, iteration, block=here),))
        case Repeat():
            inner = round_of(flow, path, iteration, 1)
            return Opening((NewBlock(path, iteration, round=1), *inner.blocks), inner.steps)


def following(flow: Flow, path: Path, child: int, iteration: Iteration) -> Opening:
    """What follows child number `child` of the sequence at `path`; empty: the sequence closes."""
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
    """What follows a round that is to be repeated: `again`, or the next round where that is empty."""
    inner = opening(flow, (*path, 1), (*iteration, number), (path, iteration))
    return inner or round_of(flow, path, iteration, number + 1)


# --- the oracle ------------------------------------------------------------------------------------------------------

Ended = Mapping[Place, object]  # a step's place -> its decision (an index, or whether to repeat), or None for a leaf


def due(flow: Flow, ended: Ended) -> set[Place]:
    """Every place that has been opened and has not ended, from scratch. Empty: the run is over."""
    waiting: set[Place] = set()
    _complete(flow, (), (), ended, waiting.add)
    return waiting


def _complete(flow: Flow, path: Path, iteration: Iteration, ended: Ended, wait: Callable[[Place], None]) -> bool:
    """Whether this node is over; reports the places it waits for."""
    node = flow.at(path)
    match node:
        case Leaf():
            over = (path, iteration) in ended
            if not over:
                wait((path, iteration))
            return over
        case Sequence():
            return all(_complete(flow, (*path, i), iteration, ended, wait) for i in range(len(node.children)))
        case Parallel():
            # Every branch is asked, also after one that waits: each reports its own places.
            finished = [_complete(flow, (*path, i), iteration, ended, wait) for i in range(len(node.branches))]
            return all(finished)
        case Choose():
            if (path, iteration) not in ended:
                wait((path, iteration))
                return False
            chosen = ended[path, iteration]
            return chosen is None or _complete(flow, (*path, int(str(chosen))), iteration, ended, wait)
        case Repeat():
            return _repeated(flow, path, iteration, ended, wait)


def _repeated(flow: Flow, path: Path, iteration: Iteration, ended: Ended, wait: Callable[[Place], None]) -> bool:
    for number in _counting():
        inside = (*iteration, number)
        if not _complete(flow, (*path, 0), inside, ended, wait):
            return False
        if (path, inside) not in ended:
            wait((path, inside))
            return False
        if not ended[path, inside]:
            return True
        if not _complete(flow, (*path, 1), inside, ended, wait):
            return False
    raise AssertionError("unreachable")


def _counting() -> Iterator[int]:
    number = 1
    while True:
        yield number
        number += 1
