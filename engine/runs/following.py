"""What comes after any of many places. Pure: the same as asking `plan.comes_after` of each of them, in one walk."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from engine.definition.flow import Flow, Foreach, Leaf, Node, Path, Repeat, Sequence
from engine.runs.successors import Iteration, Place

_PART = {(0,): 0, (): 1, (1,): 2}  # of a round: its flow, then its question, then `again`


class Following:
    """Of each block around the places: the earliest child or round that one of them stands in."""

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
            return iteration[loop], _PART[at]
        case _:
            return ()
