"""kill -9 of engine, supervisord and gateway while an app is pushed: it goes live, and nothing of it happens twice."""

from __future__ import annotations

import contextlib
import random
import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import psutil
import pytest

from tests.apps import WORKER, write_app
from tests.homes import Home, environments_folder, home, seed
from tests.processes import command
from tests.waiting import until

pytestmark = pytest.mark.kill
__all__ = ["environments_folder", "home", "seed"]

PUSHES = 3
AT_WORK = 3  # claims between two kills: the second shows that what the first had claimed was recorded


@contextlib.contextmanager
def killing(home: Home, seed: int) -> Iterator[list[str]]:
    """Something of the home is killed again and again until the block has ended; what that was.

    The next kill waits until the home is at work again, however long an engine takes to start on this machine.
    """
    chance, killed, over = random.Random(seed), list[str](), threading.Event()

    def kill() -> None:
        while not over.is_set():
            goal = claims(home) + AT_WORK
            until(lambda goal=goal: over.is_set() or claims(home) >= goal, what=f"for work after {killed}")  # type: ignore[misc]
            named = {"engine": home.part("engine"), **{name: keeper(home, name) for name in ("supervisord", "gateway")}}
            name = chance.choice([name for name, process in named.items() if process])
            with contextlib.suppress(psutil.Error):
                process = named[name]
                assert process is not None
                process.kill()
                killed.append(name)

    with ThreadPoolExecutor(1) as pool:
        killer = pool.submit(kill)
        try:
            yield killed
        finally:
            over.set()
        killer.result()


def claims(home: Home) -> int:
    """How often a step of this home was claimed, ever."""
    with contextlib.closing(sqlite3.connect(f"file:{home.folder / 'db.sqlite3'}?mode=ro", uri=True)) as database:
        return int(database.execute("select coalesce(sum(claim), 0) from engine_steprun").fetchone()[0])


def keeper(home: Home, name: str) -> psutil.Process | None:
    found = (process for process in home.processes() if any(name in part for part in command(process)[:5]))
    return next(found, None)


def test_a_push_survives_them_and_its_release_command_runs_once(home, tmp_path, capsys):
    home.up()
    client = home.client("tom")
    effects = tmp_path / "effects"
    release = f"import os, time\nopen({str(effects)!r}, 'a').write('x'); time.sleep(1)\n"
    procfile = "web: exec python web.py\nworker: exec python worker.py\nrelease: exec python release.py\n"
    with killing(home, 7) as killed:
        for number in range(PUSHES):
            folder = write_app(
                tmp_path / "shop", procfile=procfile, worker=WORKER, release=release, says=str(number)
            )  # fmt: skip
            inputs = {"app": client.upload_folder(folder)}
            run = client.start(inputs, name="shop")["id"]
            client.follow(run, until="done")
            assert client.run(run)["state"] == "succeeded", client.run(run)["reason"]
    assert effects.read_text() == "x" * PUSHES
    found = client.deployment("shop")
    assert [one["number"] for one in found["releases"]] == list(range(PUSHES, 0, -1))
    assert [one["number"] for one in found["releases"] if one["running"]] == [PUSHES, PUSHES - 1]
    until(lambda: answers(found["address"]) == f"release {PUSHES} {PUSHES - 1}")
    until(lambda: [row["state"] for row in client.deployment("shop")["processes"]] == ["ready", "ready"])
    assert len(killed) >= PUSHES
    with capsys.disabled():
        print(f"\n{len(killed)} kills over {PUSHES} pushes; release commands {PUSHES}, doubled 0")


def answers(address: str) -> str:
    with contextlib.suppress(httpx.HTTPError):
        return httpx.get(address, timeout=60).text
    return ""


def test_nothing_of_a_cancelled_push_goes_on(home, tmp_path):
    home.up()
    client = home.client("tom")
    marks = tmp_path / "marks"
    release = f"import time\nwhile True: open({str(marks)!r}, 'a').write('x'); time.sleep(0.05)\n"
    folder: Path = write_app(
        tmp_path / "shop", procfile="web: exec python web.py\nrelease: exec python release.py\n", release=release
    )
    run = client.start({"app": client.upload_folder(folder)}, name="shop")["id"]
    until(marks.exists)
    client.cancel(run)
    until(lambda: client.run(run)["state"] == "cancelled")
    size = marks.stat().st_size
    assert not [said for process in home.processes() if "release.py" in (said := " ".join(command(process)))]
    assert marks.stat().st_size == size
