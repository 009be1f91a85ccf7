"""What a step costs: `python -m tests.bench.engine`.

Sequential steps that do nothing, in one process, on SQLite with synchronous FULL, in a home of its own. Sizes are
interleaved over the rounds, so that what else the machine does falls on all of them alike. Prints a table and a line
of JSON.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from statistics import median

SIZES = (10, 100, 400, 1000, 2000)
ROUNDS = 3


def main() -> None:
    with tempfile.TemporaryDirectory() as home:
        os.environ["DESIREPATH_HOME"] = home
        os.environ["DJANGO_SETTINGS_MODULE"] = "server.settings"
        import django

        django.setup()
        from django.core.management import call_command

        call_command("migrate", verbosity=0)
        _measure()


def _measure() -> None:
    from engine import worker
    from engine.models import Run
    from tests.engine import kinds

    kinds.install()
    cost: dict[int, list[float]] = {size: [] for size in SIZES}
    _run(10)
    for _ in range(ROUNDS):
        for size in SIZES:
            run = _run(size)
            began = time.perf_counter()
            executed = worker.drain()
            took = time.perf_counter() - began
            assert executed == size
            assert Run.objects.get(pk=run).state == "succeeded"
            cost[size].append(1000 * took / size)
    print(f"{'steps':>6}  ms a step (median of {ROUNDS})   over 10")
    first = median(cost[10])
    for size in SIZES:
        print(f"{size:>6}  {median(cost[size]):.2f}   {median(cost[size]) / first:.2f}")
    print(json.dumps({"ms_per_step": {size: round(median(values), 3) for size, values in cost.items()}}))


def _run(size: int) -> int:
    """Start a run of so many steps; the first one of a process is executed to warm everything up."""
    from engine import advance, template, worker
    from engine.flow import Leaf, Sequence
    from engine.models import Run, Target, Template
    from people.models import Team

    team, _ = Team.objects.get_or_create(name="Bench", slug="bench")
    target, _ = Target.objects.get_or_create(team=team, name="dummy", kind="dummy")
    root = Sequence(tuple(Leaf(f"s{i}", uses="test.probe") for i in range(size)))
    revision = Template.objects.keep(template.compose("bench", "", "bench", {}, root), None)
    assert revision.parsed
    run = advance.start(Run(revision=revision, team=team, target=target))
    if Run.objects.count() == 1:
        worker.drain()
    return run.pk


if __name__ == "__main__":
    main()
