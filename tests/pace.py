"""How slow this machine is at the moment: a limit in seconds times this is a limit on work, not on a machine."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

ROWS = [{"id": number, "name": f"step {number}", "outputs": {"value": "x" * 20}} for number in range(2000)]
TIMES = 50
USUAL = 0.0027  # seconds for `work` on an idle core of the machines that the limits in tests were written on


def work() -> None:
    assert sorted(json.loads(json.dumps(ROWS)), key=lambda row: row["name"])


def slowness(clock: Callable[[], float] = time.perf_counter) -> float:
    """At least 1. By the wall clock it counts what others do meanwhile, by `time.process_time` it does not."""
    began = clock()
    for _ in range(TIMES):
        work()
    return max(1.0, (clock() - began) / TIMES / USUAL)
