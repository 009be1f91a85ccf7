"""What was measured, as a table, as goals met or missed, as JSON, and as a page of the docs."""

from __future__ import annotations

import os
import platform
import sqlite3
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any

from tests.bench import chart
from tests.homes import CHECKOUT

if TYPE_CHECKING:
    from tests.bench.driving import Engine
    from tests.bench.engine import Result

FULL, NORMAL, POSTGRES = "Desirepath, SQLite FULL", "Desirepath, SQLite NORMAL", "Desirepath, PostgreSQL"
DBOS, CELERY = "DBOS, SQLite", "Celery, Redis"
WAYS = {
    "many_drain": "one thread", "many_1": "engine, 1 thread", "many_4": "engine, 4 threads",
    "many_processes": "3 engine processes",
}  # fmt: skip


@dataclass(frozen=True)
class Column:
    key: str
    title: str
    value: Callable[[Report, str], float | None]
    form: str = "{:.1f}"


@dataclass(frozen=True)
class Goal:
    what: str
    found: str
    met: bool | None  # None: not measured here


@dataclass
class Report:
    engines: list[Engine]
    results: Mapping[str, Result]
    sizes: Mapping[str, Mapping[int, list[float]]]

    # --- figures ---

    def seconds(self, name: str, key: str) -> float | None:
        values = self.results[name].seconds.get(key) if name in self.results else None
        return median(values) if values else None

    def per_step(self, name: str, number: int) -> float | None:
        """Milliseconds a step of so many, one after another."""
        found = self.seconds(name, f"sequence {number}")
        return None if found is None else 1000 * found / number

    def many(self, name: str) -> tuple[float, str] | None:
        """Steps per second of 200 three-step runs at once, the best way it was tried, and which that was."""
        if name not in self.results:
            return None
        result = self.results[name]
        found = [(result.steps[key] / median(values), key.split()[0]) for key, values in result.seconds.items()
                 if key.startswith("many")]  # fmt: skip
        return max(found) if found else None

    def rate(self, name: str) -> float | None:
        found = self.many(name)
        return found[0] if found else None

    def idle(self, name: str, what: str) -> float | None:
        return self.results[name].idle.get(what) if name in self.results else None

    def ratios(self, kind: str) -> dict[int, float]:
        """Cost per step by size, over that of the smallest."""
        costs = {size: median(values) for size, values in self.sizes.get(kind, {}).items()}
        return {size: cost / costs[min(costs)] for size, cost in costs.items()}

    # --- the table ---

    def cell(self, name: str, column: Column) -> str:
        value = column.value(self, name)
        if value is not None:
            return column.form.format(value)
        failed = self.results[name].failed
        keys = (column.key, f"{column.key} 200", column.key.split()[0], "open")
        said = next((failed[key] for key in keys if key in failed), "–")
        return said.partition(":")[0].partition(" (")[0][:18]

    def rows(self) -> list[list[str]]:
        return [[engine.name, *(self.cell(engine.name, column) for column in COLUMNS)] for engine in self.engines]

    def goals(self) -> list[Goal]:
        full, normal, dbos = (self.per_step(name, 400) for name in (FULL, NORMAL, DBOS))
        rate, celery, scaled = (self.rate(name) for name in (FULL, CELERY, POSTGRES))
        return [
            at_most("a sequential step (400), FULL, over DBOS's", full, dbos, 1),
            at_most("a sequential step (400), NORMAL, over DBOS's", normal, dbos, 1),
            at_least("200 × 3 at once, SQLite FULL, over Celery's", rate, celery, 1),
            at_least("200 × 3 at once, PostgreSQL, over Celery's", scaled, celery, 3),
            *(flat(f"a step in {what}", self.ratios(kind), TOP[kind]) for kind, what in SIZES.items()),
            below("idle, % of a core", self.idle(FULL, "cpu"), 1),
            below("idle, MB (pss)", self.idle(FULL, "pss"), 200),
        ]

    def text(self) -> str:
        head = ["", *(column.title for column in COLUMNS)]
        lines = [f"{row[0]:27}" + "".join(f"{cell:>20}" for cell in row[1:]) for row in (head, *self.rows())]
        lines += ["", *(f"{verdict(goal.met):8} {goal.what}: {goal.found}" for goal in self.goals()), ""]
        lines += [f"{name}: {note}" for name, note in self.notes()]
        return "\n".join(lines)

    def notes(self) -> list[tuple[str, str]]:
        """What a figure alone does not say."""
        found = []
        for name, result in self.results.items():
            found += [(name, f"{key}: {said}") for key, said in result.failed.items()]
            if way := self.many(name):
                found += [(name, f"200 × 3 at once with: {WAYS[way[1]]}")] if way[1] in WAYS else []
            found += [(name, ", ".join(f"{k} {v}" for k, v in result.facts.items() if k != "ready"))]
        return [(name, note) for name, note in found if note]

    def data(self) -> dict[str, Any]:
        table = {name: {column.key: value for column in COLUMNS if (value := column.value(self, name)) is not None}
                 for name in self.results}  # fmt: skip
        return {
            "engines": {name: {key: round(value, 4) for key, value in row.items()} for name, row in table.items()},
            "many": {name: {key: [round(v, 3) for v in values] for key, values in result.seconds.items()
                            if key.startswith("many")} for name, result in self.results.items()},
            "idle": {name: {k: round(v, 2) for k, v in r.idle.items()} for name, r in self.results.items() if r.idle},
            "ms_per_step": {kind: {size: round(median(values), 3) for size, values in by_size.items()}
                            for kind, by_size in self.sizes.items()},
            "goals": {goal.what: [goal.found, goal.met] for goal in self.goals()},
            "notes": self.notes(),
        }  # fmt: skip

    # --- the page ---

    def write(self) -> None:
        folder = CHECKOUT / "docs"
        (folder / "engine-benchmark.md").write_text(self.page())
        (folder / "engine-benchmark.svg").write_text(self.drawn())

    def page(self) -> str:
        table = [["", *(column.title for column in COLUMNS)], ["---"] * (len(COLUMNS) + 1), *self.rows()]
        goals = [["goal", "found", ""], ["---"] * 3, *([g.what, g.found, verdict(g.met)] for g in self.goals())]
        sizes = [["", "size", "ms a step", "over the smallest"], ["---"] * 4, *self._size_rows()]
        load = " ".join(f"{value:.1f}" for value in os.getloadavg())
        machine = (
            f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}, "
            f"SQLite {sqlite3.sqlite_version}; load at the end {load}; {time.strftime('%Y-%m-%d')}."
        )
        return PAGE.format(
            machine=machine, table=written(table), goals=written(goals), sizes=written(sizes),
            notes="\n".join(f"- {name}: {note}" for name, note in self.notes()),
        )  # fmt: skip

    def _size_rows(self) -> list[list[str]]:
        return [
            [SIZES[kind], f"{size:,}", f"{median(self.sizes[kind][size]):.2f}", f"{ratio:.2f}"]
            for kind in self.sizes
            for size, ratio in self.ratios(kind).items()
        ]

    def drawn(self) -> str:
        panels = []
        for key, title in chart.PANELS.items():
            column = next(column for column in COLUMNS if column.key == key)
            panels.append((title, [
                (engine.name, value, self.cell(engine.name, column))
                for engine in self.engines
                if engine.idles or not key.startswith("idle")
                for value in [column.value(self, engine.name)]
            ]))  # fmt: skip
        return chart.draw(panels)


COLUMNS = (
    Column("sequence 40", "40 steps, ms/step", lambda r, n: r.per_step(n, 40), "{:.2f}"),
    Column("sequence 400", "400 steps, ms/step", lambda r, n: r.per_step(n, 400), "{:.2f}"),
    Column("fan 100", "fan of 100, s", lambda r, n: r.seconds(n, "fan 100"), "{:.2f}"),
    Column("sequence 3", "3 warm, ms", lambda r, n: thousand(r.seconds(n, "sequence 3")), "{:.0f}"),
    Column("cold", "3 cold, s", lambda r, n: r.seconds(n, "cold"), "{:.2f}"),
    Column("many", "200×3, steps/s", lambda r, n: r.rate(n), "{:.0f}"),
    Column("resume", "resume, s", lambda r, n: r.seconds(n, "resume"), "{:.2f}"),
    Column("idle cpu", "idle, % of core", lambda r, n: r.idle(n, "cpu"), "{:.2f}"),
    Column("idle memory", "idle, MB", lambda r, n: r.idle(n, "pss"), "{:.0f}"),
)
SIZES = {
    "sequence": "a run of 10 to 10,000 steps",
    "nested": "a nested parallel of 10 to 1,000 branches",
    "history": "a database of 0 to 100,000 finished runs",
}
TOP = {"sequence": 10_000, "nested": 1000, "history": 100_000}
PAGE = """# The engine, measured

![Milliseconds a step, steps a second, seconds to resume, idle memory: Desirepath and its peers](engine-benchmark.svg)

Written by `python -m tests.bench.engine --write-docs`: the same work for all, in one run, on one machine that had other
work too. {machine} Step bodies do nothing, so every figure is overhead. Medians of interleaved rounds: compare the
ratios rather than the figures.

{table}

*Resume*: from the start of a new process, after SIGKILL in the middle of a run, to the next step done. *Idle*: all that
has to stand there, shared memory counted once; ours is web, engine and their supervisor.

## Goals

{goals}

## A step by size

{sizes}

## Notes

- Luigi keeps no history: a task's output file is all that is durable. Celery's steps are in Redis, which by default
  writes to disk once in a while. Dagster's 200 × 3 are one after another in one process. A Dagster run that was killed
  was called failed by hand before it could be executed again from there.
{notes}
"""


def thousand(value: float | None) -> float | None:
    return None if value is None else 1000 * value


def written(rows: list[list[str]]) -> str:
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def verdict(met: bool | None) -> str:
    return {True: "met", False: "MISSED", None: "unknown"}[met]


def at_most(what: str, ours: float | None, theirs: float | None, goal: float) -> Goal:
    if not ours or not theirs:
        return Goal(what, f"goal ≤ {goal}", None)
    return Goal(what, f"{ours / theirs:.2f} (goal ≤ {goal})", ours / theirs <= goal)


def at_least(what: str, ours: float | None, theirs: float | None, goal: float) -> Goal:
    if not ours or not theirs:
        return Goal(what, f"goal ≥ {goal}", None)
    return Goal(what, f"{ours / theirs:.2f} (goal ≥ {goal})", ours / theirs >= goal)


def below(what: str, found: float | None, goal: float) -> Goal:
    return Goal(what, f"{found:.2f} (goal < {goal})" if found is not None else f"goal < {goal}",
                None if found is None else found < goal)  # fmt: skip


def flat(what: str, ratios: Mapping[int, float], top: int) -> Goal:
    """Within a fifth of the smallest size's; larger ones may be cheaper. Not met before the largest was measured."""
    if not ratios:
        return Goal(what, "goal within 20 %", None)
    said = ", ".join(f"{size:,}: {ratio:.2f}" for size, ratio in ratios.items())
    within = max(ratios.values()) <= 1.2
    return Goal(what, f"{said} (goal ≤ 1.20)", None if within and top not in ratios else within)
