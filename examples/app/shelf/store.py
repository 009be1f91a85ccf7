"""What is on the shelf, in one SQLite file."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

TABLE = """
    CREATE TABLE IF NOT EXISTS thing (
        number INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        place TEXT NOT NULL,
        taken_by TEXT,
        taken_at TEXT,
        reminded_at TEXT
    )
"""
FIRST = [
    ("Projector, the quiet one", "2nd floor, by the lift"),
    ("Projector, the other one", "2nd floor, by the lift"),
    ("Label printer", "post room"),
    ("Cable tester", "post room"),
    ("Sewing kit", "reception"),
    ("Laptop for guests", "reception"),
    ("Cargo bike", "yard, the key is at reception"),
]


class Taken(Exception):
    """Somebody else has it; the text says who."""


@dataclass(frozen=True)
class Thing:
    number: int
    name: str
    place: str
    taken_by: str | None
    taken_at: datetime | None
    reminded_at: datetime | None
    due: datetime | None

    @property
    def late(self) -> bool:
        return self.due is not None and self.due < datetime.now()


@dataclass(frozen=True)
class Shelf:
    file: str
    days: int = 14  # after which somebody is late

    @classmethod
    def from_environment(cls) -> Shelf:
        return cls(os.environ.get("SHELF_DATABASE", "shelf.sqlite3"), int(os.environ.get("SHELF_DAYS", "14")))

    def prepare(self) -> int:
        """Make the table, and put the first things on an empty shelf. As often as you like. How many there are."""
        with self._open() as rows:
            rows.execute("PRAGMA journal_mode = WAL")
            rows.execute(TABLE)
            if not rows.execute("SELECT count(*) FROM thing").fetchone()[0]:
                rows.executemany("INSERT INTO thing (name, place) VALUES (?, ?)", FIRST)
            return int(rows.execute("SELECT count(*) FROM thing").fetchone()[0])

    def all(self) -> list[Thing]:
        with self._open() as rows:
            return [self._thing(row) for row in rows.execute("SELECT * FROM thing ORDER BY name")]

    def get(self, number: int) -> Thing:
        """Raises KeyError when there is no such thing."""
        with self._open() as rows:
            row = rows.execute("SELECT * FROM thing WHERE number = ?", (number,)).fetchone()
        if row is None:
            raise KeyError(number)
        return self._thing(row)

    def take(self, number: int, who: str, now: datetime | None = None) -> str:
        """Returns its name. Raises Taken when somebody was quicker."""
        thing = self.get(number)
        with self._open() as rows:
            done = rows.execute(
                "UPDATE thing SET taken_by = ?, taken_at = ?, reminded_at = NULL WHERE number = ? AND taken_by IS NULL",
                (who, (now or datetime.now()).isoformat(timespec="seconds"), number),
            )
        if not done.rowcount:
            raise Taken(f"{thing.name}: {self.get(number).taken_by or 'somebody'} was quicker.")
        return thing.name

    def bring_back(self, number: int) -> str:
        thing = self.get(number)
        with self._open() as rows:
            rows.execute(
                "UPDATE thing SET taken_by = NULL, taken_at = NULL, reminded_at = NULL WHERE number = ?", (number,)
            )
        return thing.name

    def remind(self) -> list[Thing]:
        """Note that who is late was reminded, once for each loan. Whom to write to."""
        late = [thing for thing in self.all() if thing.late and thing.reminded_at is None]
        with self._open() as rows:
            now = datetime.now().isoformat(timespec="seconds")
            rows.executemany("UPDATE thing SET reminded_at = ? WHERE number = ?", [(now, t.number) for t in late])
        return late

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        rows = sqlite3.connect(self.file, timeout=5)
        rows.row_factory = sqlite3.Row
        try:
            with rows:
                yield rows
        finally:
            rows.close()

    def _thing(self, row: sqlite3.Row) -> Thing:
        taken_at, reminded_at = (row[key] and datetime.fromisoformat(row[key]) for key in ("taken_at", "reminded_at"))
        due = taken_at and taken_at + timedelta(days=self.days)
        return Thing(row["number"], row["name"], row["place"], row["taken_by"], taken_at, reminded_at, due)
