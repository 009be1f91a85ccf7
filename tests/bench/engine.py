"""Our engine beside its peers: `python -m tests.bench.engine [--only NAME] [--quick] [--write-docs]`.

The same work for all, in one run, on this machine, each peer in an environment of its own (kept in pytest's cache).
Step bodies do nothing, so the wall time is overhead. Rounds are interleaved and medians reported, because the machine
does other things too: compare the ratios rather than the figures. Prints a table, what became of the goals, and a line
of JSON. PostgreSQL is measured where DESIREPATH_TEST_POSTGRES names a server, Celery where redis-server is installed.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.bench import report
from tests.bench.driving import Bench, Engine, Failed

PREFECT = {"PREFECT_SERVER_ANALYTICS_ENABLED": "false", "PREFECT_LOGGING_LEVEL": "ERROR"}
DAGSTER = ("dagster==1.13.28", "dagster-webserver==1.13.28")
SQLITE = ("many_drain", "many_1", "many_4")
ENGINES = (
    Engine("Desirepath, SQLite FULL", "ours", variant="FULL", many=SQLITE),
    Engine("Desirepath, SQLite NORMAL", "ours", variant="NORMAL", many=SQLITE, idles=False),
    Engine(
        "Desirepath, PostgreSQL", "ours", variant="POSTGRES", many=("many_processes",), idles=False,
        env={"BENCH_WORKERS": "3", "BENCH_THREADS": "2"},
    ),
    Engine("DBOS, SQLite", "dbos", ("dbos==3.4.0",)),
    Engine("Luigi", "luigi", ("luigi==3.8.1",)),
    Engine("Celery, Redis", "celery", ("celery==5.7.0", "redis==8.1.0", "packaging==26.3")),
    Engine("Prefect", "prefect", ("prefect==3.9.1",), env=PREFECT, rounds=2),
    Engine("Dagster, in-process", "dagster", DAGSTER, variant="in_process", rounds=1),
    Engine("Dagster, multiprocess", "dagster", DAGSTER, variant="multiprocess", rounds=1, idles=False),
)  # fmt: skip
SEQUENCES = (10, 100, 1000, 10_000)  # steps in a run
NESTED = (10, 100, 1000)  # branches
PASTS = (0, 1000, 10_000, 100_000)  # finished runs in the database


@dataclass
class Result:
    """What was measured of one engine: seconds by kind of work, and what was said where there is none."""

    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    steps: dict[str, int] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    idle: dict[str, float] = field(default_factory=dict)


def work(engine: Engine, quick: bool) -> list[tuple[str, int]]:
    """What a round asks: the cheap things first, so that a slow peer says something."""
    many = [(way, 200) for way in engine.many]
    return [*[("sequence", 3)] * 5, ("sequence", 40), ("fan", 100), *many, *([] if quick else [("sequence", 400)])]


def measure_round(bench: Bench, engine: Engine, result: Result, quick: bool) -> None:
    """Ask everything once; a peer that does not answer in time is opened again for what is left."""
    left = [(what, n) for what, n in work(engine, quick) if f"{what} {n}" not in result.failed]
    while left:
        try:
            with bench.asked(engine, 20 if quick else 30) as asked:
                result.facts.update(asked.facts)
                while left:
                    what, number = left.pop(0)
                    key = f"{what} {number}"
                    try:
                        answer = asked.ask(what, number)
                    except Failed as failed:
                        result.failed[key] = str(failed)
                        break
                    result.seconds[key].append(answer["seconds"])
                    result.steps[key] = int(answer["steps"])
        except Failed as failed:
            result.failed["open"] = str(failed)
            return


def attempt(result: Result, key: str, do: Callable[[], float]) -> None:
    if key in result.failed:
        return
    try:
        result.seconds[key].append(do())
    except Failed as failed:
        result.failed[key] = str(failed)


def stand(bench: Bench, engine: Engine, result: Result) -> None:
    try:
        result.idle = bench.idle(engine)
    except Failed as failed:
        result.failed["idle"] = str(failed)


def missing(engine: Engine, bench: Bench) -> str:
    """Why this engine cannot be measured here, or nothing."""
    if engine.variant == "POSTGRES" and not os.environ.get("DESIREPATH_TEST_POSTGRES"):
        return "not measured: DESIREPATH_TEST_POSTGRES names no server"
    if engine.module == "celery" and not bench.redis:
        return "not measured: redis-server is not installed"
    try:
        engine.python()
    except Failed as failed:
        return str(failed)
    return ""


def compare(bench: Bench, engines: list[Engine], rounds: int, quick: bool) -> dict[str, Result]:
    results = {engine.name: Result() for engine in engines}
    there = []
    for engine in engines:
        if why := missing(engine, bench):
            results[engine.name].failed["open"] = why
        else:
            there.append(engine)
    for number in range(rounds):
        for engine in there:
            if number < engine.rounds and "open" not in results[engine.name].failed:
                say(f"round {number + 1}: {engine.name}")
                measure_round(bench, engine, results[engine.name], quick)
                attempt(results[engine.name], "cold", lambda: bench.cold(engine))  # noqa: B023
                attempt(results[engine.name], "resume", lambda: bench.resumed(engine))  # noqa: B023
    for engine in there:
        if engine.idles:
            say(f"idle: {engine.name}")
            stand(bench, engine, results[engine.name])
    return results


def scaling(bench: Bench, rounds: int, quick: bool) -> dict[str, dict[int, list[float]]]:
    """Milliseconds a step of ours by the size of the run, and by how many finished runs the database holds."""
    ours = ENGINES[0]
    cost: dict[str, dict[int, list[float]]] = {name: defaultdict(list) for name in ("sequence", "nested", "history")}
    cut = 1 if quick else None  # --quick leaves the largest size out
    say("scaling: the size of a run")
    with bench.asked(ours, 300) as asked:
        for _ in range(rounds):
            for what, sizes in (("sequence", SEQUENCES), ("nested", NESTED)):
                for size in sizes[: -cut if cut else None]:
                    # A small run is over in no time: several of them tell as much as a large one.
                    for _ in range(max(1, min(10, 100 // size))):
                        answer = asked.ask(what, size)
                        cost[what][size].append(1000 * answer["seconds"] / answer["steps"])
    for size, values in past(bench, ours, PASTS[: -cut if cut else None]).items():
        cost["history"][size] = values
    return cost


def past(bench: Bench, ours: Engine, sizes: tuple[int, ...]) -> dict[int, list[float]]:
    """Databases with so many finished runs stand side by side and are asked by turns."""
    from contextlib import ExitStack

    cost: dict[int, list[float]] = defaultdict(list)
    with ExitStack() as stack:
        opened = {size: stack.enter_context(bench.asked(ours, 300)) for size in sizes}
        for size, asked in opened.items():
            say(f"scaling: {size} finished runs")
            asked.ask("history", size)
            asked.ask("sequence", 100)
        for _ in range(5):
            for size, asked in opened.items():
                cost[size].append(1000 * asked.ask("sequence", 100)["seconds"] / 100)
    return cost


def say(line: str) -> None:
    print(f"  {line}", file=sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--only", action="append", metavar="NAME", help="engines whose name has this; or `scaling`")
    parser.add_argument("--quick", action="store_true", help="one round, without the largest sizes")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--write-docs", action="store_true", help="write docs/engine-benchmark.md and .svg")
    arguments = parser.parse_args()
    only = [word.lower() for word in arguments.only or []]
    wanted = [e for e in ENGINES if not only or any(word in f"{e.name} {e.module}".lower() for word in only)]
    with Bench() as bench:
        rounds = 1 if arguments.quick else arguments.rounds
        results = compare(bench, wanted, rounds, arguments.quick)
        try:
            sizes = scaling(bench, rounds, arguments.quick) if not only or "scaling" in only else {}
        except Failed as failed:  # what was measured of the peers is worth telling all the same
            say(f"scaling: {failed}")
            sizes = {}
    found = report.Report(wanted, results, sizes)
    print(found.text())
    print(json.dumps(found.data()))
    if arguments.write_docs:
        found.write()


if __name__ == "__main__":
    main()
