"""CSV for spreadsheets, line by line, so that a long table is sent while it is made."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from typing import Any


class _Echo:
    """A file that returns what is written to it."""

    def write(self, text: str) -> str:
        return text


def lines(rows: Iterable[Iterable[Any]]) -> Iterator[str]:
    """The rows as lines of CSV. A text that a spreadsheet would take for a formula is quoted."""
    writer = csv.writer(_Echo())
    return (writer.writerow([_cell(value) for value in row]) for row in rows)


def _cell(value: Any) -> str:
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text
