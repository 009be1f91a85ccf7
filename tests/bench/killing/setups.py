"""What is killed: the embedded default on SQLite, and workers on PostgreSQL with Redis."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import psycopg

from engine.targets.base import Backend, Kind, Route, State, Workload
from engine.targets.local import LocalTarget, processes
from tests import made_once
from tests.bench.killing.work import Ledger, template
from tests.homes import CHECKOUT, SEED, Home
from tests.scaled import Postgres, Redis, Scaled
from tests.waiting import until

SLOW = 0.7  # seconds for which a step holds its worker
WEB = ["--host", "127.0.0.1", "--lifespan", "off", "--timeout-graceful-shutdown", "2", "--no-access-log"]
SERVICE = """
import http.server, os
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.send_header("Content-Length", "2"); self.end_headers(); self.wfile.write(b"ok")
    def log_message(self, *_): pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Answer).serve_forever()
"""


class SlowAnswers:
    """An HTTP server that takes its time, so that a step is at work when its worker is killed."""

    def __init__(self) -> None:
        class Answer(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                ending.wait(SLOW)
                with contextlib.suppress(OSError):
                    self.send_response(200)
                    self.send_header("Content-Length", "2")
                    self.end_headers()
                    self.wfile.write(b"ok")

            def log_message(self, *args: Any) -> None:
                return

        self.ending = ending = threading.Event()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def end(self) -> None:
        self.ending.set()
        self.server.shutdown()
        self.server.server_close()


class Setup(ABC):
    """A home with people, a template and one service behind the gateway, and ways to look at it and to kill in it."""

    name: str
    victims: tuple[str, ...]
    at_once: int  # how many kills may be waited for at the same time
    pause: tuple[float, float]  # seconds between two kills, from and to

    def __init__(self, home: Home) -> None:
        self.home = home
        self.target = LocalTarget(home.folder)
        self.slow = SlowAnswers()
        self.ledger = Ledger(Path(str(home.folder) + "-ledger"))  # not in the home, whose disk may be full
        self.address = ""

    @abstractmethod
    def start(self) -> None: ...

    @abstractmethod
    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows, past the engine."""

    def tend(self) -> None:
        """Bring back what this set-up itself has to bring back."""
        return

    def prepare(self) -> None:
        self.home.client().keep_template(template())
        self.target.apply(Workload("served", Kind.SERVICE, ("{python}", "-S", "-c", SERVICE)))
        until(lambda: self.target.status("served").state is State.READY, what="for the service")
        self.address = self.target.route(Route("served", (Backend("1", "served", 100),))).address

    def pid_of(self, victim: str) -> int | None:
        """The process to kill; None while it is not (yet) back."""
        if victim == "supervisord":
            return self.target.supervisor.pid()
        if victim == "gateway":
            state = processes.read_json(self.target.places.workload("_gateway") / "state.json") or {}
            return state["program"]["pid"] if processes.lives(state.get("program")) else None
        found = self.home.part(victim)
        return found.pid if found else None

    def answers(self, what: str) -> bool:
        """Whether the pages, or the service through the gateway, answer at this moment."""
        url = self.address if what == "gateway" else f"{self.home.url}/health/live"
        with contextlib.suppress(httpx.HTTPError):
            return httpx.get(url, timeout=3).status_code in (200, 404)
        return False

    def inputs(self, breaks: bool) -> dict[str, str]:
        return {"ledger": str(self.ledger.folder), "slow": self.slow.url, **({"breaks": "yes"} if breaks else {})}

    def end(self) -> None:
        self.slow.end()
        self.home.end()
        shutil.rmtree(self.ledger.folder, ignore_errors=True)


class EmbeddedSetup(Setup):
    """`manage.py up`: it brings back web and engine by itself."""

    name = "embedded, SQLite"
    victims = ("engine", "web", "supervisord", "engine", "gateway")
    at_once = 1
    pause = (0.1, 1.2)

    def start(self) -> None:
        self.home.up()
        self.prepare()

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        database = f"file:{self.home.folder / 'db.sqlite3'}?mode=ro"
        with contextlib.closing(sqlite3.connect(database, uri=True, timeout=20)) as connection:
            return connection.execute(sql).fetchall()


class ScaledSetup(Setup):
    """Workers, each as on a machine of its own, a web process and a Redis; this program is what starts them again."""

    name = "workers, PostgreSQL + Redis"
    victims = ("worker", "worker", "web", "worker", "supervisord", "worker", "gateway")
    at_once = 2
    pause = (0.5, 2.5)  # what was killed starts again in this machine's own time, which is not to be all of it

    def __init__(self, home: Scaled, redis: Redis, workers: int = 3) -> None:
        super().__init__(home)
        self.scaled, self.redis = home, redis
        home.broker = redis.url
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.back_at: dict[str, float] = {}  # monotonic
        self.names = ["web", *(f"worker-{n}" for n in range(workers))]
        self.away = iter([0.0, 0.0, 14.0] * 1000)  # seconds: every third machine does not come back before the lease
        self.turn = 0

    def start(self) -> None:
        for name in self.names:
            self._spawn(name)
        until(lambda: self.answers("web"), what="for the web process")
        self.prepare()

    def _spawn(self, name: str) -> None:
        if name == "web":
            command = ["-m", "uvicorn", "server.asgi:application", "--port", str(self.home.port), *WEB]
        else:
            command = ["manage.py", "worker", "--threads", "3"]
        with (self.home.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                [*_on_its_own_machine(name), sys.executable, *command], cwd=CHECKOUT, env=self.home.env, stdout=log,
                stderr=log, stdin=subprocess.DEVNULL,
            )  # fmt: skip

    def tend(self) -> None:
        now = time.monotonic()
        for name, process in self.processes.items():
            if process.poll() is None:
                continue
            if name not in self.back_at:
                self.back_at[name] = now + (next(self.away) if name != "web" else 0.0)
            if now >= self.back_at[name]:
                del self.back_at[name]
                self._spawn(name)

    def pid_of(self, victim: str) -> int | None:
        if victim in ("supervisord", "gateway"):
            return super().pid_of(victim)
        alive = [name for name, process in self.processes.items() if process.poll() is None and
                 name.partition("-")[0] == victim]  # fmt: skip
        if not alive or (victim == "worker" and len(alive) < 2):
            return None
        self.turn += 1
        return self.processes[alive[self.turn % len(alive)]].pid

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.scaled.database, autocommit=True, connect_timeout=5) as connection:
            return connection.execute(sql).fetchall()

    def end(self) -> None:
        for process in self.processes.values():
            if process.poll() is None:
                process.kill()
            process.wait(10)
        super().end()


def _on_its_own_machine(name: str) -> list[str]:
    """A host name of its own where root may give one: so nobody sees that a worker died until its lease runs out."""
    if name == "web" or os.geteuid() != 0 or not shutil.which("unshare") or not shutil.which("hostname"):
        return []
    return ["unshare", "--uts", "sh", "-c", 'hostname "$0" && exec "$@"', name]


@contextlib.contextmanager
def embedded(folder: Path | None = None) -> Iterator[Setup]:
    home = Home()
    if folder:
        shutil.rmtree(home.folder)
        home.folder, home.config = folder, folder / "server.json"
    home.tokens = json.loads(home.python(SEED, 180))
    setup = EmbeddedSetup(home)
    try:
        setup.start()
        yield setup
    finally:
        setup.end()


@contextlib.contextmanager
def scaled(postgres: Postgres, redis: Redis) -> Iterator[ScaledSetup]:
    home = Scaled(made_once.new_database(postgres.url))
    home.tokens = json.loads(home.python(SEED))
    setup = ScaledSetup(home, redis)
    try:
        setup.start()
        yield setup
    finally:
        setup.end()
        made_once.drop_database(home.database)
