"""Several ways to the same end, side by side: what they share in one row, the rest where it comes on its own way.

Pure. Order is kept: what two ways share is their longest common subsequence, the earliest where there are several.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """What these columns have under one key: for each its index there, or None."""

    key: str
    places: tuple[int | None, ...]

    @property
    def shared(self) -> bool:
        return sum(place is not None for place in self.places) > 1


def align(columns: Sequence[Sequence[str]]) -> list[Row]:
    """The rows of several columns of keys, each column in its own order, one joined to those before it at a time."""
    rows: list[Row] = []
    for width, column in enumerate(columns):
        rows = _join(rows, column, width)
    return rows


def _join(rows: list[Row], column: Sequence[str], width: int) -> list[Row]:
    joined: list[Row] = []
    left = right = 0
    none = (None,) * width
    for i, j in [*common([row.key for row in rows], column), (len(rows), len(column))]:
        joined += [Row(row.key, (*row.places, None)) for row in rows[left:i]]
        joined += [Row(column[k], (*none, k)) for k in range(right, j)]
        if i < len(rows):
            joined.append(Row(rows[i].key, (*rows[i].places, j)))
        left, right = i + 1, j + 1
    return joined


def common(one: Sequence[str], other: Sequence[str]) -> list[tuple[int, int]]:
    """The places of a longest common subsequence."""
    longest = [[0] * (len(other) + 1) for _ in range(len(one) + 1)]
    for i in range(len(one) - 1, -1, -1):
        for j in range(len(other) - 1, -1, -1):
            same = longest[i + 1][j + 1] + 1 if one[i] == other[j] else 0
            longest[i][j] = max(same, longest[i + 1][j], longest[i][j + 1])
    found: list[tuple[int, int]] = []
    i = j = 0
    while i < len(one) and j < len(other):
        if one[i] == other[j]:
            found.append((i, j))  # taking a match as early as it comes never makes the rest shorter
            i, j = i + 1, j + 1
        elif longest[i + 1][j] >= longest[i][j + 1]:
            i += 1
        else:
            j += 1
    return found


def match(columns: Sequence[Sequence[str]]) -> list[Row]:
    """As `align` for what has no order: what is shared first, then what each has alone."""
    numbered = [_numbered(column) for column in columns]
    keys = list(dict.fromkeys(key for column in numbered for key in column))
    rows = [Row(key[0], tuple(column.get(key) for column in numbered)) for key in keys]
    return sorted(rows, key=lambda row: not row.shared)


def _numbered(column: Sequence[str]) -> dict[tuple[str, int], int]:
    """Where each key stands, the second of the same key as another."""
    met: Counter[str] = Counter()
    found: dict[tuple[str, int], int] = {}
    for place, key in enumerate(column):
        found[key, met[key]] = place
        met[key] += 1
    return found


def plain(title: str) -> str:
    """A title as it is compared: its words, without case, signs and articles."""
    words = re.findall(r"\w+", title.casefold())
    return " ".join(word for word in words if word not in ("a", "an", "the"))
