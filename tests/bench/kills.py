"""The kill campaign: `python -m tests.bench.kills [--kills 200] [--on sqlite|postgres] [--broker-away 60]`.

kill -9 over web, engine, supervisord and gateway of the embedded default, and over web, workers, supervisord and
gateway on PostgreSQL + Redis, while runs with real effects go on; then a full disk, a database that crashes and a
broker that stops. Prints tables and a line of JSON. All of it is private, in temporary folders, and ends by itself.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import shutil
import sys
import time
from collections.abc import Iterator
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.bench.killing import setups, troubles
from tests.bench.killing.campaign import Campaign, kinds, summary
from tests.bench.killing.setups import Setup
from tests.bench.killing.work import Verdict
from tests.scaled import Postgres, Redis

GOALS = {"sqlite": 5.0, "postgres": 12.0}  # seconds from a kill to progress
console = Console(width=120, highlight=False)


def main() -> int:
    options = _options()
    done: dict[str, Any] = {}
    for on in options.on or ("sqlite", "postgres"):
        done[on] = _on_sqlite(options) if on == "sqlite" else _on_postgres(options)
    print(json.dumps(done), flush=True)
    return 0 if all(part["fine"] for parts in done.values() for part in parts.values()) else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--on", action="append", choices=("sqlite", "postgres"))
    parser.add_argument("--broker-away", type=float, default=60, help="seconds")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--no-troubles", action="store_true", help="kills alone")
    return parser.parse_args()


def _on_sqlite(options: argparse.Namespace) -> dict[str, Any]:
    found = {}
    with setups.embedded() as setup:
        found["kills"] = _kills(setup, options, GOALS["sqlite"])
    if not options.no_troubles:
        found["disk full"] = _trouble("disk full", troubles.disk_full)
    return found


def _on_postgres(options: argparse.Namespace) -> dict[str, Any]:
    if not Postgres.programs() or not shutil.which("redis-server"):
        sys.exit("needs PostgreSQL and redis-server (Debian: postgresql, redis-server)")
    found = {}
    with _servers() as (postgres, redis):
        with setups.scaled(postgres, redis) as setup:
            found["kills"] = _kills(setup, options, GOALS["postgres"])
        if not options.no_troubles:
            found["database restarted"] = _trouble(
                "database restarted", lambda: troubles.database_restarted(postgres, redis)
            )
            found["broker stopped"] = _trouble(
                f"broker stopped for {options.broker_away:g} s",
                lambda: troubles.broker_stopped(postgres, redis, options.broker_away),
            )
    return found


@contextlib.contextmanager
def _servers() -> Iterator[tuple[Postgres, Redis]]:
    postgres, redis = Postgres(), Redis()
    try:
        postgres.start()
        redis.start()
        yield postgres, redis
    finally:
        redis.stop()
        postgres.stop()


def _kills(setup: Setup, options: argparse.Namespace, goal: float) -> dict[str, Any]:
    began = time.monotonic()
    campaign = Campaign(setup, options.kills, options.seed)
    verdict = campaign.run()
    seconds = time.monotonic() - began
    table = Table("from kill to progress, s", "kills", "median", "p95", "max", title=setup.name)
    for victim, took in campaign.figures():
        table.add_row(victim, str(len(took)), *(f"{value:.2f}" for value in summary(took).values()))
    console.print(table)
    longest = summary([kill.took or 0.0 for kill in campaign.kills])
    said = _said(verdict)
    console.print(f"{len(campaign.kills)} kills in {seconds:.0f} s; {said}; goal ≤ {goal:g} s to progress")
    _complain(verdict, campaign.stuck)
    return {
        "kills": len(campaign.kills), "of": dict(kinds(campaign.kills)), "seconds": round(seconds, 1),
        **_figures(verdict), **{name: round(value, 2) for name, value in longest.items()}, "goal": goal,
        "fine": _fine(verdict) and not campaign.stuck,
    }  # fmt: skip


def _trouble(name: str, make: Any) -> dict[str, Any]:
    found = make()
    if isinstance(found, str):
        console.print(f"{name}: not tried, {found}")
        return {"skipped": found, "fine": True}
    verdict, seconds = found
    console.print(f"{name}: {_said(verdict)}; progress {seconds:.1f} s after it was over")
    _complain(verdict, [])
    return {**_figures(verdict), "to_progress": round(seconds, 2), "fine": _fine(verdict)}


def _said(verdict: Verdict) -> str:
    return (
        f"runs finished {verdict.finished} of {verdict.runs}; effects {verdict.effects}, "
        f"lost {len(verdict.lost)}, doubled {len(verdict.doubled)}"
    )


def _figures(verdict: Verdict) -> dict[str, int]:
    return {
        "runs": verdict.runs, "finished": verdict.finished, "effects": verdict.effects, "lost": len(verdict.lost),
        "doubled": len(verdict.doubled),
    }  # fmt: skip


def _fine(verdict: Verdict) -> bool:
    return not (verdict.lost or verdict.doubled or verdict.wrong)


def _complain(verdict: Verdict, stuck: list[str]) -> None:
    for sentence in [*verdict.wrong, *verdict.lost, *verdict.doubled, *(f"no progress: {one}" for one in stuck)][:30]:
        console.print(f"  {sentence}", markup=False)


if __name__ == "__main__":
    sys.exit(main())
