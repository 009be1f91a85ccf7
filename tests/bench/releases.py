"""Requests dropped while releases come and go: N releases and N rollbacks of an app under load, in one run.

    python -m tests.bench.releases [--times 50] [--app examples/app]

A home of its own with web and engine, the example's app, and four clients that ask without a pause, half of them on
kept connections. Each round changes a file of the app, pushes it (environment, its own tests, release command, start,
switch, look, rehearsal) and rolls it back. Prints one line of JSON; a request counts as dropped when it is not answered
with 200.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.apps import Visitors
from tests.homes import CHECKOUT, SEED, Home

NAME = "shelf"


def measure(app: Path, times: int) -> dict[str, Any]:
    home = Home()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(shutil.copytree(app, Path(place) / NAME))
        try:
            home.tokens = json.loads(home.python(SEED, 180))
            home.up()
            return _rounds(home, folder, times)
        finally:
            home.end()


def _rounds(home: Home, folder: Path, times: int) -> dict[str, Any]:
    client = home.client("tom")
    served = client.push(folder, name=NAME, until="done")
    assert served.run["state"] == "succeeded", served.run["reason"]
    pushes, backs = list[float](), list[float]()
    with Visitors(client.deployment(NAME)["address"]) as visitors:
        for number in range(times):
            (folder / "ROUND").write_text(str(number))
            began = time.monotonic()
            served = client.push(folder, name=NAME, until="done")
            assert served.run["state"] == "succeeded", served.run["reason"]
            pushes.append(time.monotonic() - began)
            began = time.monotonic()
            client.rollback(NAME)
            backs.append(time.monotonic() - began)
            assert home.process is not None
            assert home.process.poll() is None
    return {
        "releases": len(pushes), "rollbacks": len(backs), "requests": visitors.answered,
        "dropped": len(visitors.dropped), "push_s": round(statistics.median(pushes), 2),
        "rollback_s": round(statistics.median(backs), 3), "what": visitors.dropped[:5],
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=50)
    parser.add_argument("--app", type=Path, default=CHECKOUT / "examples" / "app")
    asked = parser.parse_args()
    print(json.dumps(measure(asked.app, asked.times)))


if __name__ == "__main__":
    main()
