"""From a folder to an HTTP 200, beside what developers use on one machine: piku, and the steps by hand with honcho.

    python -m tests.bench.pushing [--app DIR [--path /] [--set KEY=VALUE…]] [--piku CHECKOUT] [--rounds 2]

The example's app, and one more when it is named, each pushed cold (no package in any cache, no environment) and warm (a
file was changed), then once more under four clients that ask without a pause: a request that is not answered with 200
was dropped. Desirepath's seconds end when its command returns, which is after the first 200. piku is measured where
`--piku` names a checkout of github.com/piku/piku; uwsgi is built from source for it, in an environment that is kept in
pytest's cache. Prints a table and a line of JSON. Compare the ratios, not the figures.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

from engine.artefacts.app_folder import parse
from tests.apps import Visitors
from tests.bench.driving import Failed
from tests.bench.peers.pushers import WAYS, ByHand, Ours, Piku, Way, copied
from tests.homes import CHECKOUT
from tests.waiting import until

EXAMPLE = CHECKOUT / "examples" / "app"
CHANGED = "ROUND"
DOES: dict[type[Way], str] = {
    Ours: "yes",
    Piku: "no",
    ByHand: "typed",
}  # whether the app's own tests run before anything is switched


def measure(kind: type[Way], app: Path, path: str, settings: Mapping[str, str]) -> dict[str, Any]:
    """One round of one way: seconds to a 200 cold and warm, what was typed and written, what a release drops."""
    with tempfile.TemporaryDirectory(prefix="pushing-") as inside:
        place = Path(inside) / "place"
        place.mkdir()
        folder = copied(app, Path(inside) / "shelf")
        (folder / CHANGED).write_text("0")
        way = kind(folder, place, parse(_read(folder)), settings)
        opened = False
        try:
            way.open()
            opened = True
            return {**_cold(way, path), **_warm(way, path), **_under_load(way, path)}
        finally:
            if opened:
                way.close()


def _read(folder: Path) -> dict[str, bytes]:
    return {
        str(p.relative_to(folder)): p.read_bytes()
        for p in folder.rglob("*")
        if p.is_file() and p.stat().st_size < 1 << 20
    }


def _pushed(way: Way, path: str, *, first: bool) -> tuple[float, str]:
    """Seconds until the new state answers 200, and where."""
    began, way.typed, way.lines = time.time(), 0, 0
    address = way.push(first=first) + path
    until(lambda: way.is_new(began) and _answers(address), 90, f"for {address}")
    return round(time.time() - began, 2), address


def _answers(address: str) -> bool:
    with contextlib.suppress(httpx.HTTPError):
        return httpx.get(address, timeout=5).status_code == 200
    return False


def _cold(way: Way, path: str) -> dict[str, Any]:
    seconds, _ = _pushed(way, path, first=True)
    return {"cold_s": seconds, "cold_typed": way.typed, "lines": way.lines}


def _warm(way: Way, path: str) -> dict[str, Any]:
    _change(way)
    seconds, _ = _pushed(way, path, first=False)
    return {"warm_s": seconds, "warm_typed": way.typed}


def _under_load(way: Way, path: str) -> dict[str, Any]:
    _change(way)
    with Visitors(_address(way, path)) as visitors:
        _pushed(way, path, first=False)
        time.sleep(1)
    return {"dropped": len(visitors.dropped), "requests": visitors.answered + len(visitors.dropped)}


def _address(way: Way, path: str) -> str:
    if isinstance(way, Ours):
        return f"{way.home.client('tom').deployment('shelf')['address']}{path}"
    assert isinstance(way, Piku | ByHand)
    return f"http://127.0.0.1:{way.port}{path}"


def _change(way: Way) -> None:
    if isinstance(way, Ours):
        way.settle()
    (way.folder / CHANGED).write_text(str(time.time()))


def table(results: dict[str, dict[str, Any]]) -> str:
    heads = ("app", "way", "cold s", "warm s", "typed, cold / warm", "lines", "dropped", "its tests", "does not")
    rows: list[tuple[Any, ...]] = [heads, ("---",) * len(heads)]
    for app, ways in results.items():
        for kind in WAYS:
            row = ways[kind.name]
            if "failed" in row:
                rows.append((app, kind.name, row["failed"], *[""] * 6))
                continue
            typed, dropped = f"{row['cold_typed']} / {row['warm_typed']}", f"{row['dropped']} of {row['requests']}"
            rows.append(
                (app, kind.name, row["cold_s"], row["warm_s"], typed, row["lines"], dropped, DOES[kind], kind.misses)
            )
    return "\n".join(f"| {' | '.join(map(str, row))} |" for row in rows)


def middle(rounds: list[dict[str, Any]]) -> dict[str, Any]:
    """Of seconds the median, of what was dropped the sum; the rest is the same each time."""
    found = dict(rounds[-1])
    for key in ("cold_s", "warm_s"):
        found[key] = round(statistics.median(row[key] for row in rounds), 2)
    for key in ("dropped", "requests"):
        found[key] = sum(row[key] for row in rounds)
    return found


def rounds_of(
    kind: type[Way], app: Path, asked: argparse.Namespace, path: str, given: Mapping[str, str]
) -> dict[str, Any]:
    if kind is Piku and not asked.piku:
        return {"failed": "not measured: name a checkout with --piku"}
    try:
        return middle([measure(kind, app, path, given) for _ in range(asked.rounds)])
    except (Failed, AssertionError) as failed:
        return {"failed": str(failed)[:300]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--app", type=Path)
    parser.add_argument("--path", default="/", help="what is asked of that app")
    parser.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE", help="settings of that app")
    parser.add_argument("--piku", type=Path)
    parser.add_argument("--rounds", type=int, default=2)
    asked = parser.parse_args()
    Piku.checkout = asked.piku
    apps: list[tuple[Path, str, dict[str, str]]] = [(EXAMPLE, "/healthz", {})]
    if asked.app:
        apps.append((asked.app, asked.path, dict(text.split("=", 1) for text in asked.set)))
    results = {
        app.resolve().name: {kind.name: rounds_of(kind, app, asked, path, given) for kind in WAYS}
        for app, path, given in apps
    }
    print(table(results))
    print(json.dumps(results))


if __name__ == "__main__":
    main()
