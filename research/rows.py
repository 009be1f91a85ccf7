"""Observations as a page or a file shows them to one reader."""

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

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


def safe(value: Any) -> Any:
    """The value, quoted where a spreadsheet would take it for a formula."""
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value


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


class Echo:
    """A file that hands back what is written to it, so that a long table can be sent as it is made."""

    def write(self, text: str) -> str:
        return text


def lines(reading: Reading, observations: Iterable[Observation]) -> Iterator[str]:
    writer = csv.writer(Echo())
    yield "\ufeff" + writer.writerow(COLUMNS)  # without the mark, Excel reads UTF-8 as something else
    for observation in observations:
        yield writer.writerow([safe(str(value)) for value in cells(Row(observation, reading.quote(observation)))])
