"""The campaign: people start runs and answer them while one process after another is killed."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import statistics
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import psycopg

from desirepath.client import ApiError
from tests.bench.killing.setups import Setup
from tests.bench.killing.work import Verdict
from tests.pace import slowness

LOOK = 0.02  # seconds
GIVE_UP = 60.0  # seconds without progress after a kill, on an idle machine
FINISH = 180.0  # seconds without any event while the runs end and nothing is killed any more
ENDED = "('succeeded', 'failed', 'cancelled')"


class People(threading.Thread):
    """Keep so many runs going, and answer what they ask. Refused by a killed web process they try again."""

    def __init__(self, setup: Setup, at_once: int) -> None:
        super().__init__(daemon=True)
        self.setup, self.at_once = setup, at_once
        self.started: dict[int, bool] = {}  # run → whether it is to break
        self.closing = threading.Event()  # start nothing more
        self.ending = threading.Event()
        self.client = setup.home.client()

    def run(self) -> None:
        while not self.ending.wait(0.1):
            with contextlib.suppress(ApiError, psycopg.Error):
                self._answer()
                self._start()

    def open(self) -> int:
        return int(self.setup.query(f"select count(*) from engine_run where state not in {ENDED}")[0][0])

    def _start(self) -> None:
        if self.closing.is_set() or self.open() >= self.at_once:
            return
        number = len(self.started)
        breaks = number % 4 == 3
        # The key is what makes a second try safe when the web process is killed before it answers.
        run = self.client.start(self.setup.inputs(breaks), template="campaign", idempotency_key=f"run-{number}")
        self.started[run["id"]] = breaks

    def _answer(self) -> None:
        asking = "select run_id, leaf from engine_steprun where state = 'waiting' and asking is not null"
        for run, leaf in self.setup.query(asking):
            with contextlib.suppress(ApiError):
                self.client.approve(run, leaf)

    def finish(self) -> None:
        """Let what was begun end; when nothing happens for too long the verdict says so."""
        self.closing.set()
        deadline, seen = time.monotonic() + FINISH, -1
        while self.alive_or(1) and time.monotonic() < deadline:
            self.setup.tend()
            if (newest := self.newest_event()) != seen:
                deadline, seen = time.monotonic() + FINISH, newest
            time.sleep(0.1)
        self.ending.set()
        self.join(60)

    def newest_event(self) -> int:
        with contextlib.suppress(psycopg.Error):
            return int(self.setup.query("select coalesce(max(id), 0) from engine_event")[0][0])
        return 0

    def alive_or(self, otherwise: int) -> int:
        try:
            return self.open()
        except psycopg.Error:
            return otherwise


@dataclass
class Kill:
    """One kill, and what has to come to pass until it counts as got over."""

    victim: str
    at: float  # monotonic
    over: Callable[[], bool]
    held: int = 0  # steps that the killed process was executing
    took: float | None = None


@dataclass
class Campaign:
    setup: Setup
    wanted: int
    seed: int = 1
    kills: list[Kill] = field(default_factory=list)
    stuck: list[str] = field(default_factory=list)

    def run(self, runs_at_once: int = 8) -> Verdict:
        people = People(self.setup, runs_at_once)
        people.start()
        chance = random.Random(self.seed)
        self._warm_up(people)
        next_at = time.monotonic()
        while len(self.kills) < self.wanted or self._open():
            self.setup.tend()
            self._look()
            ready = time.monotonic() >= next_at and len(self._open()) < self.setup.at_once
            if ready and len(self.kills) < self.wanted and self._kill():
                next_at = time.monotonic() + chance.uniform(*self.setup.pause)
            time.sleep(LOOK)
        people.finish()
        return verdict(self.setup, people.started)

    def _warm_up(self, people: People) -> None:
        deadline = time.monotonic() + 60
        while self._events() < 20 and time.monotonic() < deadline:
            self.setup.tend()
            time.sleep(LOOK)

    def _open(self) -> list[Kill]:
        return [kill for kill in self.kills if kill.took is None]

    def _look(self) -> None:
        for kill in self._open():
            since = time.monotonic() - kill.at
            with contextlib.suppress(psycopg.Error):
                if kill.over():
                    kill.took = since
            if kill.took is None and since > GIVE_UP and since > GIVE_UP * slowness():
                kill.took = since
                self.stuck.append(f"{kill.victim} after kill {len(self.kills)}")

    def _kill(self) -> bool:
        victim = self.setup.victims[len(self.kills) % len(self.setup.victims)]
        pid = self.setup.pid_of(victim)
        if pid is None:
            return False  # not back yet
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            return False
        self.kills.append(self._watched(victim, pid))
        return True

    def _watched(self, victim: str, pid: int) -> Kill:
        now = time.monotonic()
        if victim in ("web", "gateway"):
            return Kill(victim, now, lambda: self.setup.pid_of(victim) != pid and self.setup.answers(victim))
        if victim == "supervisord":
            return Kill(victim, now, self._new_job_after(pid))
        time.sleep(LOOK)  # a commit that had reached the database is seen by then
        held = self._held(pid)
        over = self._taken_up(held) if held else self._any_event()
        return Kill(victim, now, over, len(held))

    def _held(self, pid: int) -> list[tuple[Any, ...]]:
        return self.setup.query(
            f"select id, claim, state from engine_steprun where state = 'running' and owner like '%:{pid}:%'"
        )

    def _taken_up(self, held: list[tuple[Any, ...]]) -> Callable[[], bool]:
        """All that the killed process was executing, some other one has claimed."""
        numbers = ", ".join(str(row[0]) for row in held)
        before = {row[0]: (row[1], row[2]) for row in held}

        def over() -> bool:
            rows = self.setup.query(f"select id, claim, state from engine_steprun where id in ({numbers})")
            return all((claim, state) != before[pk] for pk, claim, state in rows)

        return over

    def _any_event(self) -> Callable[[], bool]:
        before = self._events()
        return lambda: self._events() > before

    def _events(self) -> int:
        return int(self.setup.query("select coalesce(max(id), 0) from engine_event")[0][0])

    def _new_job_after(self, pid: int) -> Callable[[], bool]:
        """Another supervisord is there, and since then a job has begun."""
        seen: list[int] = []

        def over() -> bool:
            if not seen:
                if self.setup.target.supervisor.pid() not in (None, pid):
                    seen.append(len(os.listdir(self.setup.ledger.folder)))
                return False
            return len(os.listdir(self.setup.ledger.folder)) > seen[0]

        return over

    def figures(self) -> Iterator[tuple[str, list[float]]]:
        """Seconds from kill to progress, by victim, then of all."""
        by: dict[str, list[float]] = defaultdict(list)
        for kill in self.kills:
            by[kill.victim + (", at a step" if kill.held else "")].append(kill.took or 0.0)
        yield from sorted(by.items())
        yield "all", [kill.took or 0.0 for kill in self.kills]


def verdict(setup: Setup, started: dict[int, bool]) -> Verdict:
    """What became of the runs, from the ledger and from the database's rows."""
    rows = setup.query("select id, state, reason from engine_run")
    found = setup.ledger.judge(started, {run: (state, reason) for run, state, reason in rows})
    if extra := {row[0] for row in rows} - started.keys():
        found.wrong.append(f"runs nobody knows of: {sorted(extra)}")
    twice = setup.query(
        "select step_id, data ->> 'attempt', count(*) from engine_event where kind = 'step.succeeded' "
        "group by 1, 2 having count(*) > 1"
    )
    found.doubled += [f"step {step} succeeded {times} times in attempt {attempt}" for step, attempt, times in twice]
    live = f"select id from engine_run where state in {ENDED}"
    left = setup.query(
        f"select id from engine_steprun where run_id in ({live}) and (queue <> '' or "
        "state in ('ready', 'running', 'waiting'))"
    )
    found.wrong += [f"step {row[0]} is left open" for row in left]
    return found


def summary(seconds: list[float]) -> dict[str, float]:
    ordered = sorted(seconds)
    at = min(len(ordered) - 1, round(0.95 * len(ordered)))
    return {"median": statistics.median(ordered), "p95": ordered[at], "max": ordered[-1]}


def kinds(kills: list[Kill]) -> Counter[str]:
    return Counter(kill.victim for kill in kills)
