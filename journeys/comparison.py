"""Several journeys side by side: a step that they share is one row, every other step stands in its own order.

Pure. What two journeys share is a longest common subsequence, the earliest one where there are several.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class ComparedStep:
    """A step as it is compared: what it is for, where its kind says so, and what it is called."""

    purpose: str
    title: str

    def same(self, other: ComparedStep) -> bool:
        """Whether two people would call these the same thing to do."""
        return bool(self.purpose and self.purpose == other.purpose) or plain(self.title) == plain(other.title)


@dataclass(frozen=True)
class AlignedRow:
    """What stands side by side: for each column the place in it, or None."""

    places: tuple[int | None, ...]

    @property
    def shared(self) -> bool:
        return sum(place is not None for place in self.places) > 1


Columns = Sequence[Sequence[ComparedStep]]


def align(columns: Columns) -> list[AlignedRow]:
    """The rows of several columns, each in its own order, one joined to those before it at a time."""
    rows: list[AlignedRow] = []
    for width in range(len(columns)):
        rows = _join(rows, columns, width)
    return rows


def _join(rows: list[AlignedRow], columns: Columns, width: int) -> list[AlignedRow]:
    column, none = columns[width], (None,) * width
    met = common(len(rows), len(column), lambda i, j: fits(rows[i], column[j], columns))
    joined: list[AlignedRow] = []
    left = right = 0
    for i, j in [*met, (len(rows), len(column))]:
        joined += [AlignedRow((*row.places, None)) for row in rows[left:i]]
        joined += [AlignedRow((*none, k)) for k in range(right, j)]
        if i < len(rows):
            joined.append(AlignedRow((*rows[i].places, j)))
        left, right = i + 1, j + 1
    return joined


def fits(row: AlignedRow, stop: ComparedStep, columns: Columns) -> bool:
    """Whether something in this row is the same."""
    return any(columns[c][p].same(stop) for c, p in enumerate(row.places) if p is not None)


def common(first: int, second: int, same: Callable[[int, int], bool]) -> list[tuple[int, int]]:
    """The places of a longest common subsequence of two sequences of these lengths."""
    longest = [[0] * (second + 1) for _ in range(first + 1)]
    for i in range(first - 1, -1, -1):
        for j in range(second - 1, -1, -1):
            longest[i][j] = (
                longest[i + 1][j + 1] + 1 if same(i, j) else max(longest[i + 1][j], longest[i][j + 1])
            )  # taking a match as early as it comes never makes the rest shorter
    pairs: list[tuple[int, int]] = []
    i = j = 0
    while i < first and j < second:
        if same(i, j):
            pairs.append((i, j))
            i, j = i + 1, j + 1
        elif longest[i + 1][j] >= longest[i][j + 1]:
            i += 1
        else:
            j += 1
    return pairs


def match(columns: Columns) -> list[AlignedRow]:
    """As `align`, for lists without an order: shared rows first, then the others."""
    rows: list[AlignedRow] = []
    for width, column in enumerate(columns):
        taken: dict[int, int] = {}
        for place, stop in enumerate(column):
            there = (i for i, row in enumerate(rows) if i not in taken and fits(row, stop, columns))
            taken[next(there, len(rows) + place)] = place
        fresh = [AlignedRow((*(None,) * width, place)) for i, place in taken.items() if i >= len(rows)]
        rows = [AlignedRow((*row.places, taken.get(i))) for i, row in enumerate(rows)] + fresh
    return sorted(rows, key=lambda row: not row.shared)


def plain(title: str) -> str:
    """A title as it is compared: its words, without case, signs and articles."""
    words = re.findall(r"\w+", title.casefold())
    return " ".join(word for word in words if word not in ("a", "an", "the"))
