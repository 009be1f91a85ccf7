"""What a claim costs among a million steps: `python -m tests.bench.queued [--steps 1000000] [--over 100000]`.

In a database of its own (SQLite in a temporary home; PostgreSQL with DATABASE_URL, which has to be empty). Prints
milliseconds, median and 95th of a hundred: with all of them ready, while they are queued behind a limit that is full,
and when all of them are queued.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import tempfile
import time

from rich.console import Console


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--steps", type=int, default=1_000_000)
    parser.add_argument("--over", type=int, default=100_000)
    options = parser.parse_args()
    home = tempfile.mkdtemp(prefix="dp-queued-")
    os.environ |= {"DESIREPATH_HOME": home, "DJANGO_SETTINGS_MODULE": "server.settings"}
    try:
        found = measure(options.steps, options.over)
    finally:
        shutil.rmtree(home, ignore_errors=True)
    console = Console(highlight=False)
    for name, (median, p95) in found.items():
        console.print(f"{name}: {median:.1f} ms, p95 {p95:.1f} ms")
    print(json.dumps({"steps": options.steps, "over": options.over, **found}))


def measure(steps: int, over: int) -> dict[str, tuple[float, float]]:
    import django

    django.setup()
    from engine.models import Limit, StepRun
    from engine.queue import claims, concurrency

    run = begin()
    one = run.steps.get()
    copies(one, over, "succeeded")
    copies(one, steps, "ready")
    somebody, another = claims.Claimer("somebody"), claims.Claimer("another")
    found = {"all ready": timed(somebody.claim)}
    StepRun.objects.filter(owner="somebody").update(state="cancelled", owner="")
    Limit.objects.create(team=run.team, at_most=1)
    concurrency.limits.forget()
    somebody.claim()
    found["being queued"] = timed(another.claim, times=20)
    StepRun.objects.filter(state="ready").update(state="waiting", queue=Limit.objects.get().key)
    found["all queued"] = timed(another.claim)
    return found


def begin():
    """A run of one step."""
    from django.core.management import call_command

    from engine.models import Run, Target, Template
    from engine.runs import transitions
    from engine.steps import catalogue
    from people.models import Persona, Team, User

    call_command("migrate", verbosity=0)
    Persona.objects.bring()
    alice, team = User.objects.create_user("alice"), Team.objects.create(name="Many", slug="many")
    flow = [{"id": "a", "title": "A", "uses": "command.run", "with": {"command": "true"}}]
    document = {"desirepath": 1, "template": "many", "persona": "ml-engineer", "flow": flow}
    revision = Template.objects.keep(catalogue.from_json(document), alice)
    target = Target.objects.create(team=team, name="dummy", kind="dummy")
    return transitions.start(Run(revision=revision, team=team, target=target, started_by=alice))


def copies(step, count: int, state: str) -> None:
    """So many steps like this one, in places of their own, made by the database itself."""
    from django.db import connection

    columns = [field.column for field in step._meta.concrete_fields if field.column not in ("id", "path", "state")]
    names = ", ".join(columns)
    sql = (
        f"with recursive n(i) as (select 1 union all select i + 1 from n where i < {count}) "
        f"insert into engine_steprun (path, state, {names}) "
        f"select '{state[0]}.' || n.i, '{state}', {names} from n, engine_steprun where id = {step.pk}"
    )
    with connection.cursor() as cursor:
        cursor.execute(sql)


def timed(claim, times: int = 100) -> tuple[float, float]:
    figures = []
    for _ in range(times):
        began = time.perf_counter()
        claim()
        figures.append(1000 * (time.perf_counter() - began))
    return round(statistics.median(figures), 2), round(sorted(figures)[int(0.95 * times)], 2)


if __name__ == "__main__":
    main()
