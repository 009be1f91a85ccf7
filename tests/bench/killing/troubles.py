"""Other troubles than kills: a full disk, a database that crashes, a broker that stops. Each is over after a while."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.bench.killing import setups
from tests.bench.killing.campaign import People, verdict
from tests.bench.killing.setups import Setup
from tests.bench.killing.work import Verdict
from tests.scaled import Postgres, Redis
from tests.waiting import until

ROOM = "128m"
FULL_FOR = 5.0  # seconds: a third of the time for which a step asks a target in trouble again
Found = tuple[Verdict, float]


def under(setup: Setup, trouble: Callable[[], None], runs: int = 6) -> Found:
    """What becomes of runs in whose middle this happens; and how long after it was over the first step went on."""
    people = People(setup, runs)
    people.start()
    until(lambda: _tended(setup) > 30, what="for the runs to be in their middle")
    trouble()
    over, before = time.monotonic(), _events(setup)
    until(lambda: _tended(setup) > before, what="for a step to go on")
    took = time.monotonic() - over
    people.finish()
    return verdict(setup, people.started), took


def _tended(setup: Setup) -> int:
    setup.tend()
    return _events(setup)


def _events(setup: Setup) -> int:
    return int(setup.query("select count(*) from engine_event where kind = 'step.succeeded'")[0][0])


def disk_full() -> Found | str:
    """On a disk of its own; or why it cannot be tried."""
    with _small_disk() as folder:
        if folder is None:
            return "a small disk can only be mounted by root (mount -t tmpfs)"
        with setups.embedded(folder) as setup:
            return under(setup, lambda: _fill(folder), runs=4)


def _fill(folder: Path) -> None:
    ballast = folder / "ballast"
    deadline = time.monotonic() + FULL_FOR
    with ballast.open("ab", buffering=0) as file:
        while time.monotonic() < deadline:  # what the others let go of is taken too
            with contextlib.suppress(OSError):
                while file.write(b"\0" * 65536) == 65536:
                    pass
            time.sleep(0.05)
    ballast.unlink()


@contextlib.contextmanager
def _small_disk() -> Iterator[Path | None]:
    folder = Path(tempfile.mkdtemp(prefix="dp-small-"))
    command = ["mount", "-t", "tmpfs", "-o", f"size={ROOM},mode=700", "tmpfs", str(folder)]
    mounted = sys.platform == "linux" and os.geteuid() == 0
    mounted = mounted and subprocess.run(command, capture_output=True, check=False).returncode == 0
    try:
        yield folder if mounted else None
    finally:
        if mounted:
            subprocess.run(["umount", "-l", str(folder)], check=False)
        shutil.rmtree(folder, ignore_errors=True)


def database_restarted(postgres: Postgres, redis: Redis) -> Found:
    with setups.scaled(postgres, redis) as setup:
        return under(setup, postgres.restart)


def broker_stopped(postgres: Postgres, redis: Redis, seconds: float) -> Found:
    """Runs go on being started and answered meanwhile; what is measured is that nothing stands still."""

    def stop() -> None:
        redis.stop()
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            setup.tend()
            time.sleep(0.1)
        redis.start()

    with setups.scaled(postgres, redis) as setup:
        return under(setup, stop)
