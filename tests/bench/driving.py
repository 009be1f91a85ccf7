"""Peers as processes: built, asked, killed, watched. Everything here has an end and leaves nothing running."""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import psutil

from engine.targets.local.machine import uv
from tests.bench.peers.ours import drop_databases
from tests.homes import CHECKOUT, free_port

CACHE = CHECKOUT / ".pytest_cache" / "d" / "bench"
KILL_AFTER = 40  # steps
RESUME_WITHIN = 20.0  # seconds
SETTLE, WATCH = 6.0, 12.0  # seconds an idle peer is left alone, and then watched


class Failed(Exception):
    """The peer did not do it; the message says what happened instead."""


@dataclass(frozen=True)
class Engine:
    """One line of the table. `module` is its program in `tests.bench.peers`; no `pins`: our own environment."""

    name: str
    module: str
    pins: tuple[str, ...] = ()
    variant: str = ""
    env: dict[str, str] = field(default_factory=dict)
    rounds: int = 3
    many: tuple[str, ...] = ("many",)  # ways to have many runs at once; the best one counts
    idles: bool = True  # False: another line stands there in the same way

    def python(self) -> str:
        """The Python of its environment, built if need be. Raises Failed."""
        if not self.pins:
            return sys.executable
        folder = CACHE / self.module
        wanted, built = "\n".join(self.pins), folder / "pins"
        if not built.exists() or built.read_text() != wanted:
            python = str(folder / "bin" / "python")
            for command in (
                [uv(), "venv", "-q", "--clear", "--python", sys.executable, str(folder)],
                [uv(), "pip", "install", "-q", "--python", python, *self.pins],
            ):
                done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
                if done.returncode:
                    raise Failed(f"could not be installed: {done.stderr.strip().splitlines()[-1]}")
            built.write_text(wanted)
        return str(folder / "bin" / "python")


class Bench:
    """What the peers share: a place for their folders and a Redis."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="bench-"))
        self.redis: subprocess.Popen[bytes] | None = None
        self.env: dict[str, str] = {}

    def __enter__(self) -> Bench:
        if program := shutil.which("redis-server"):
            port, place = free_port(), self.folder / "redis"
            place.mkdir()
            command = [program, "--port", str(port), "--bind", "127.0.0.1", "--dir", str(place)]
            self.redis = subprocess.Popen(command, stdout=subprocess.DEVNULL)
            self.env = {"BENCH_REDIS": str(port), "BENCH_REDIS_PID": str(self.redis.pid)}
        return self

    def __exit__(self, *_: object) -> None:
        if self.redis:
            self.redis.terminate()
            self.redis.wait(10)
        drop_databases(self.folder)
        shutil.rmtree(self.folder, ignore_errors=True)

    @contextlib.contextmanager
    def process(self, engine: Engine, command: str, folder: Path, **more: str) -> Iterator[subprocess.Popen[str]]:
        """The peer's program; killed with all it started when the block ends, however that is."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("DESIREPATH_", "DJANGO_"))}
        env = {
            **kept, "PYTHONPATH": str(CHECKOUT), "HOME": str(folder), "DO_NOT_TRACK": "1", **self.env,
            "BENCH_VARIANT": engine.variant, "BENCH_POSTGRES": os.environ.get("DESIREPATH_TEST_POSTGRES", ""),
             "BENCH_PORT": str(free_port()), **engine.env,
        }  # fmt: skip
        with (folder / "said.log").open("ab") as said:
            process = subprocess.Popen(
                [engine.python(), "-m", f"tests.bench.peers.{engine.module}", command, str(folder)], cwd=CHECKOUT,
                env={**env, "PREFECT_HOME": str(folder), **more}, text=True, stdin=subprocess.PIPE,
                stdout=subprocess.PIPE, stderr=said, start_new_session=True,
            )  # fmt: skip
            try:
                yield process
            finally:
                kill(process)

    def place(self, engine: Engine) -> Path:
        return Path(tempfile.mkdtemp(prefix=f"{engine.module}-", dir=self.folder))

    @contextlib.contextmanager
    def asked(self, engine: Engine, limit: float) -> Iterator[Asked]:
        """The peer, open, and ready to be asked; ended kindly, so that it can end what it started."""
        folder = self.place(engine)
        with self.process(engine, "measure", folder) as process:
            asked = Asked(process, folder, limit)
            asked.facts = asked.answer(90)
            yield asked
            end(process, 20)

    def cold(self, engine: Engine) -> float:
        """Seconds of a three-step run from the start of a process to its end, in a folder where one ran before."""
        folder = self.place(engine)
        for _ in range(2):
            began = time.perf_counter()
            with self.process(engine, "once", folder) as process:
                _wait(process, 120, folder)
            took = time.perf_counter() - began
        return took

    def resumed(self, engine: Engine) -> float:
        """Seconds from the start of a new process to the next step done, after SIGKILL in the middle of a run."""
        folder = self.place(engine)
        lines = folder / "lines"
        with self.process(engine, "begin", folder, BENCH_LINES=str(lines)) as process:
            _grown(lines, KILL_AFTER, 40, process, folder)
        before = len(lines.read_text().splitlines())
        began = time.perf_counter()
        with self.process(engine, "resume", folder, BENCH_LINES=str(lines)) as process:
            _grown(lines, before + 1, RESUME_WITHIN, process, folder)
            took = time.perf_counter() - began
        numbers = [int(line) for line in lines.read_text().splitlines()]
        if numbers[before] < numbers[before - 1]:
            raise Failed("does not: starts again from the first step")
        return took

    def idle(self, engine: Engine) -> dict[str, float]:
        """What stands there: per cent of a core, and MB, shared pages counted once (pss) and in each process (rss)."""
        folder = self.place(engine)
        with self.process(engine, "idle", folder) as process:
            pids = Asked(process, folder, 0).answer(90)["pids"]
            time.sleep(SETTLE)  # what starting began is over; no event tells
            before, began = _used(pids), time.monotonic()
            time.sleep(WATCH)
            used, took = _used(pids) - before, time.monotonic() - began
            memory = [p.memory_full_info() for p in family(pids)]
            end(process, 40)
        megabytes = {name: sum(getattr(m, name) for m in memory) / 2**20 for name in ("pss", "rss")}
        return {"cpu": 100 * used / took, **megabytes, "processes": len(memory)}


@dataclass
class Asked:
    process: subprocess.Popen[str]
    folder: Path
    limit: float
    facts: dict[str, Any] = field(default_factory=dict)

    def ask(self, what: str, number: int) -> dict[str, float]:
        assert self.process.stdin
        try:
            self.process.stdin.write(f"{what} {number}\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            raise Failed(f"ended: {last_words(self.folder)}") from None
        return self.answer(self.limit)

    def answer(self, limit: float) -> dict[str, Any]:
        """Its next line. Raises Failed: too late, or it ended."""
        out: IO[str] | None = self.process.stdout
        assert out
        if not select.select([out], [], [], limit)[0]:
            raise Failed(f"over {limit:.0f} s")
        if not (line := out.readline()):
            raise Failed(f"ended: {last_words(self.folder)}")
        return dict(json.loads(line))


def _wait(process: subprocess.Popen[str], limit: float, folder: Path) -> None:
    try:
        if process.wait(limit):
            raise Failed(f"ended with {process.returncode}: {last_words(folder)}")
    except subprocess.TimeoutExpired:
        raise Failed(f"over {limit:.0f} s") from None


def _grown(lines: Path, wanted: int, limit: float, process: subprocess.Popen[str], folder: Path) -> None:
    """Wait until the file has so many lines."""
    deadline = time.monotonic() + limit
    while not (lines.exists() and lines.read_bytes().count(b"\n") >= wanted):
        if time.monotonic() > deadline:
            raise Failed(f"does not (nothing for {limit:.0f} s)")
        if process.poll() is not None:
            raise Failed(f"ended with {process.returncode}: {last_words(folder)}")
        time.sleep(0.002)


def last_words(folder: Path) -> str:
    said = (folder / "said.log").read_text(errors="replace").strip().splitlines()
    return said[-1][-200:] if said else "it said nothing"


def family(pids: list[int]) -> list[psutil.Process]:
    found: dict[int, psutil.Process] = {}
    for pid in pids:
        with contextlib.suppress(psutil.Error):
            for process in (psutil.Process(pid), *psutil.Process(pid).children(recursive=True)):
                found[process.pid] = process
    return list(found.values())


def _used(pids: list[int]) -> float:
    """Seconds of processor time, that of children which have ended meanwhile included."""
    return sum(sum(process.cpu_times()[:4]) for process in family(pids))


def end(process: subprocess.Popen[str], within: float) -> None:
    """Kindly: it reads no more, ends what it started, and itself."""
    assert process.stdin
    with contextlib.suppress(BrokenPipeError, subprocess.TimeoutExpired):
        process.stdin.close()
        process.wait(within)


def kill(process: subprocess.Popen[str]) -> None:
    """SIGKILL to it and all that it started."""
    for member in family([process.pid]):
        with contextlib.suppress(psutil.Error):
            member.send_signal(signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)  # also whom a parent that ended left behind
    process.wait()
    for pipe in (process.stdin, process.stdout):
        with contextlib.suppress(OSError):
            if pipe:
                pipe.close()
