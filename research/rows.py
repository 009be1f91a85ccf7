"""Observations as a page or a file shows them to one reader."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any

from lib import spreadsheet
from research.models import Observation
from research.reading import Quote, Reading

COLUMNS = [
    "study", "session", "case", "participant", "persona", "id", "kind", "source", "activity", "from_ms", "to_ms",
    "at", "quote", "marked", "state", "text",
]  # fmt: skip


@dataclass(frozen=True)
class Row:
    observation: Observation
    quote: Quote


def rows(reading: Reading, observations: Iterable[Observation]) -> list[Row]:
    return [Row(observation, reading.quote(observation)) for observation in observations]


def cells(row: Row) -> list[Any]:
    """The columns of a row. One that the reader may not read has nothing that identifies a person."""
    logged, quote = row.observation, row.quote
    known = quote.readable
    return [
        logged.session.study.slug, logged.session_id, logged.case or "", str(logged.participant) if known else "",
        str(logged.participant.persona), logged.pk, logged.kind, logged.source, logged.activity or "", logged.at,
        "" if logged.until is None else logged.until, logged.when.isoformat() if logged.when else "",
        int(logged.quote), int(logged.marked), quote.state, quote.text,
    ]  # fmt: skip


def lines(reading: Reading, observations: Iterable[Observation]) -> Iterator[str]:
    yield "\ufeff"  # without the mark, Excel reads UTF-8 as something else
    yield from spreadsheet.lines(chain([COLUMNS], (cells(Row(one, reading.quote(one))) for one in observations)))
