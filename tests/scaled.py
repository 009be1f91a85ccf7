"""A home on PostgreSQL with as many workers as a test likes, a Redis of its own, and a server that steps ask."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psycopg
import pytest
import redis

from tests import made_once
from tests.homes import CHECKOUT, PEOPLE, Home, free_port
from tests.waiting import until

NO_POSTGRES = "needs a PostgreSQL: set DESIREPATH_TEST_POSTGRES=postgresql://… (.ci/run starts one)"
NO_REDIS = "needs redis-server on PATH (Debian: redis-server)"


class Redis:
    """redis-server on a port of its own; it can be stopped and started."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        self.process = subprocess.Popen(
            [*command, "--dir", tempfile.gettempdir()], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        until(self.answers, 10, "for redis-server")

    def answers(self) -> bool:
        with contextlib.suppress(redis.RedisError), redis.Redis.from_url(self.url) as client:
            return bool(client.ping())
        return False

    def stop(self) -> None:
        if self.process:
            self.process.kill()
            self.process.wait(240)
            self.process = None


class Postgres:
    """A PostgreSQL in a folder of its own, on a port of its own; it can be restarted as a crash would."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="dp-pg-"))
        self.port = free_port()
        self.url = f"postgresql://desirepath@127.0.0.1:{self.port}/postgres"

    @staticmethod
    def programs() -> Path | None:
        """Where initdb and pg_ctl are; Debian keeps them off PATH."""
        found = shutil.which("pg_ctl")
        places = [Path(found).resolve().parent] if found else sorted(Path("/usr/lib/postgresql").glob("*/bin"))
        return next((place for place in reversed(places) if (place / "initdb").exists()), None)

    def start(self) -> None:
        if os.geteuid() == 0:
            shutil.chown(self.folder, "postgres")
        self._run("initdb", "-A", "trust", "-U", "desirepath")
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -k {self.folder}"
        self._run("pg_ctl", "-w", "-l", str(self.folder / "log"), "-o", options, "start")

    def restart(self) -> None:
        """Without a word to anybody, as after a crash."""
        self._run("pg_ctl", "-w", "-m", "immediate", "-l", str(self.folder / "log"), "restart")

    def stop(self) -> None:
        with contextlib.suppress(subprocess.CalledProcessError):
            self._run("pg_ctl", "-w", "-m", "immediate", "stop")
        shutil.rmtree(self.folder, ignore_errors=True)

    def _run(self, program: str, *arguments: str) -> None:
        place = self.programs()
        assert place
        command = [str(place / program), "-D", str(self.folder / "db"), *arguments]
        subprocess.run(
            command, cwd=self.folder, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, user="postgres" if os.geteuid() == 0 else None,  # it refuses to run as root
        )  # fmt: skip


@pytest.fixture
def own_postgres() -> Iterator[Postgres]:
    """Where the tests are told of a PostgreSQL and its programs are there, one that may be restarted."""
    if not os.environ.get("DESIREPATH_TEST_POSTGRES") or not Postgres.programs():
        pytest.skip(NO_POSTGRES)
    made = Postgres()
    made.start()
    yield made
    made.stop()


@pytest.fixture
def own_redis() -> Iterator[Redis]:
    if not shutil.which("redis-server"):
        pytest.skip(NO_REDIS)
    made = Redis()
    made.start()
    yield made
    made.stop()


@pytest.fixture
def redis_url(request: pytest.FixtureRequest) -> str:
    """A Redis that need not be stopped: the one that DESIREPATH_TEST_REDIS names, or our own."""
    if url := os.environ.get("DESIREPATH_TEST_REDIS"):
        return url
    own: Redis = request.getfixturevalue("own_redis")
    return own.url


class Asked:
    """An HTTP server: it counts what it is asked, and holds back the answers of /hold/… until `let_go`."""

    def __init__(self) -> None:
        self.count: Counter[str] = Counter()
        self.let_go = threading.Event()
        asked = self

        class Answer(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked.count[self.path] += 1
                if self.path.startswith("/hold"):
                    asked.let_go.wait(240)
                with contextlib.suppress(OSError):
                    self.send_response(200)
                    self.send_header("Content-Length", "2")
                    self.end_headers()
                    self.wfile.write(b"ok")

            def log_message(self, *args: Any) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def end(self) -> None:
        self.let_go.set()
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def asked() -> Iterator[Asked]:
    made = Asked()
    yield made
    made.end()


class Scaled(Home):
    """Workers of one home on one PostgreSQL database."""

    def __init__(self, database: str) -> None:
        super().__init__()
        self.database = database
        self.broker = ""
        self.workers: list[subprocess.Popen[bytes]] = []

    @property
    def env(self) -> dict[str, str]:
        return {**super().env, "DATABASE_URL": self.database, "BROKER_URL": self.broker}

    def worker(self, *arguments: str) -> subprocess.Popen[bytes]:
        """One more; returns when it has begun."""
        return self._started(["manage.py", "worker", *arguments], "Worker")

    def celery(self) -> subprocess.Popen[bytes]:
        """Celery's own worker, rung by the same bell."""
        return self._started(["-m", "celery", "-A", "server.celery", "worker", "--pool=solo", "-l", "info"], " ready.")

    def _started(self, command: list[str], word: str) -> subprocess.Popen[bytes]:
        log = self.folder / f"worker-{len(self.workers)}.log"
        with log.open("ab") as out:
            made = subprocess.Popen(
                [sys.executable, *command], cwd=CHECKOUT, env=self.env, stdout=out, stderr=out, stdin=subprocess.DEVNULL
            )
        self.workers.append(made)
        until(lambda: word in log.read_text() or made.poll() is not None, 40)
        assert made.poll() is None, log.read_text()
        return made

    def start(self, flow: str, *, ring: bool = False) -> int:
        """A run of this flow, which is YAML without indentation; its number."""
        code = f"""
            from engine import doorbell
            from engine.steps import catalogue
            from engine.models import Run, Target, Template
            from engine.runs import transitions
            from people.models import Team, User
            alice, team = User.objects.get(username="alice"), Team.objects.get()
            text = "desirepath: 1\\ntemplate: t{secrets.token_hex(3)}\\npersona: ml-engineer\\nflow: " + {flow!r}
            revision = Template.objects.keep(catalogue.from_yaml(text), alice)
            run = transitions.start(
                Run(revision=revision, team=team, target=Target.objects.default_for(team), started_by=alice)
            )
            if {ring}:
                import threading
                sent = threading.Event()
                def send():
                    try:
                        doorbell._send()
                    finally:  # a broker that is away is the ringer's to bear
                        sent.set()
                doorbell._made[:] = [doorbell.Ringer(send)]
                doorbell.ring()
                assert sent.wait(240)  # the ringer is another thread; this process would end before it
            print(run.pk)
        """
        return int(self.python(code))

    def sql(self, query: str) -> Any:
        """The first column of the first row."""
        with psycopg.connect(self.database) as connection:
            row = connection.execute(query).fetchone()
        return row[0] if row else None

    def state(self, run: int) -> str:
        return str(self.sql(f"select state from engine_run where id = {run}"))

    def finish(self, run: int) -> None:
        until(lambda: self.state(run) in ("succeeded", "failed", "cancelled"), what=f"for run {run}")
        assert self.state(run) == "succeeded", self.sql(f"select reason from engine_run where id = {run}")

    def end(self) -> None:
        for worker in self.workers:
            if worker.poll() is None:
                worker.kill()
            worker.wait(240)
        super().end()


@pytest.fixture(scope="session")
def migrated() -> tuple[str, dict[str, str]]:
    """A database right after set-up, to copy, and the tokens of its people."""
    server = os.environ.get("DESIREPATH_TEST_POSTGRES")
    if not server:
        pytest.skip(NO_POSTGRES)

    tokens = made_once.folder() / "people.json"

    def make(draft: Path) -> None:
        home = Scaled(made_once.new_database(server, made_once.migrated_database(server)))
        draft.write_text(home.database)
        try:
            tokens.write_text(home.python(PEOPLE))
        finally:
            home.end()

    database = made_once.once("people.database", make).read_text()
    return database, json.loads(tokens.read_text())


@pytest.fixture
def scaled(migrated: tuple[str, dict[str, str]]) -> Iterator[Scaled]:
    database, tokens = migrated
    made = Scaled(made_once.new_database(os.environ["DESIREPATH_TEST_POSTGRES"], database))
    made.tokens = tokens
    try:
        yield made
        made.end()
    finally:
        made_once.drop_database(made.database)
