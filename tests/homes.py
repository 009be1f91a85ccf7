"""Homes of their own for the tests that start real servers, and the example's models, trained once."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from desirepath.client import Desirepath
from engine.targets.local import LocalTarget
from engine.targets.local.machine import uv
from tests import made_once, processes
from tests.waiting import until

CHECKOUT = Path(__file__).resolve().parent.parent
LABEL = "progressed"

# Alice owns, Bob is on the team, Charlie has no access; Tom is the app developer on Alice's team.
PEOPLE = """
    from knox.models import AuthToken
    from engine.models import Target
    from people.models import Persona, Team, User
    from server import starters
    Persona.objects.bring()
    starters.bring()
    ml, app = (Persona.objects.get(slug=slug) for slug in ("ml-engineer", "app-developer"))
    def person(name, persona=ml):
        return User.objects.create_user(name, first_name=name.capitalize(), password="walk the grass", persona=persona)
    alice, bob, charlie, tom = person("alice"), person("bob"), person("charlie"), person("tom", app)
    team = Team.objects.create(name="Retention", slug="retention")
    team.add(alice, "engineer", "champion", "admin")
    team.add(bob, "viewer")
    team.add(tom, "engineer")
    ml.champions.create(user=alice)
    Target.objects.default_for(team)
    print(json.dumps({user.username: AuthToken.objects.create(user)[1] for user in (alice, bob, charlie, tom)}))
"""
SEED = (
    """
    from django.core.management import call_command
    call_command("migrate", verbosity=0)
"""
    + PEOPLE
)


# Below those that Linux gives to connections, so that nothing takes one between this answer and its use.
PORTS = range(20_000, 30_000)


def free_port() -> int:
    """A port that no other test process of this session was told."""
    while True:
        port = PORTS[made_once.count("ports") % len(PORTS)] if made_once.here() else 0
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return int(probe.getsockname()[1])


class Home:
    """A DESIREPATH_HOME with its people, its web and engine, and all that they start."""

    def __init__(self, seed: Path | None = None, environments: Path | None = None) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="dp-"))
        self.port = free_port()
        self.config = self.folder / "server.json"
        self.process: subprocess.Popen[bytes] | None = None
        self.tokens: dict[str, str] = {}
        if seed:
            for name in ("db.sqlite3", "secret_key", "tokens.json"):
                shutil.copy(seed / name, self.folder / name)
            self.tokens = json.loads((self.folder / "tokens.json").read_text())
        if environments:
            (self.folder / "environments").symlink_to(environments)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def env(self) -> dict[str, str]:
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("DESIREPATH_", "DJANGO_"))}
        return {
            **kept, "DJANGO_SETTINGS_MODULE": "server.settings", "DESIREPATH_HOME": str(self.folder),
            "DESIREPATH_CONFIG": str(self.config), "DESIREPATH_PORT": str(self.port), "NO_COLOR": "1", "COLUMNS": "200",
        }  # fmt: skip

    def python(self, code: str, seconds: float = 600) -> str:
        """What a piece of Python prints, inside Django in this home."""
        begin = "import json, django\ndjango.setup()\n"
        done = subprocess.run(
            [sys.executable, "-c", begin + textwrap.dedent(code)], cwd=CHECKOUT, env=self.env, capture_output=True,
            text=True, timeout=seconds, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    def manage(self, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "manage.py", *arguments], cwd=CHECKOUT, env={**self.env, **more}, capture_output=True,
            text=True, timeout=600, check=False,
        )  # fmt: skip

    def cli(self, *arguments: str | Path, **more: str) -> subprocess.CompletedProcess[str]:
        """The terminal's `desirepath`, as its user types it."""
        return subprocess.run(
            [sys.executable, "-m", "desirepath.cli", *map(str, arguments)], cwd=self.folder,
            env={**self.env, "PYTHONPATH": str(CHECKOUT), **more}, capture_output=True, text=True, timeout=600,
            check=False,
        )  # fmt: skip

    def sign_in(self, name: str = "alice") -> None:
        """What `desirepath login` leaves behind."""
        self.config.write_text(json.dumps({"url": self.url, "token": self.tokens[name]}))

    def client(self, name: str = "alice") -> Desirepath:
        return Desirepath(self.url, self.tokens[name])

    def up(self) -> None:
        """`manage.py up`, until it is ready and says so: only then it keeps web and engine alive and ends when told."""
        said = self.folder / "up.log"
        with said.open("ab") as log:
            before = log.tell()
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "up"], cwd=CHECKOUT, env={**self.env, "PYTHONUNBUFFERED": "1"},
                stdout=log, stderr=log, stdin=subprocess.DEVNULL,
            )  # fmt: skip
        ready = f"Desirepath answers at {self.url}".encode()
        until(lambda: self.answers() and ready in said.read_bytes()[before:], what=f"for {self.url}")

    def answers(self) -> bool:
        assert self.process is None or self.process.poll() is None, (self.folder / "up.log").read_text()
        with contextlib.suppress(httpx.HTTPError):
            return httpx.get(f"{self.url}/accounts/login/", timeout=60).status_code == 200
        return False

    def kill(self, number: int = signal.SIGKILL) -> None:
        """End `manage.py up`, and wait for it."""
        if self.process:
            self.process.send_signal(number)
            self.process.wait(240)
            self.process = None

    def processes(self) -> list[psutil.Process]:
        """Every living process of this home."""
        return processes.processes_of(self.folder)

    def part(self, name: str) -> psutil.Process | None:
        """The web or the engine."""
        word = {"web": "uvicorn", "engine": "engine", "up": "up"}[name]
        return next((process for process in self.processes() if word in processes.command(process)), None)

    def end(self) -> None:
        """End all of it. Raises when something had to be killed."""
        self.kill(signal.SIGTERM)
        LocalTarget(self.folder).shutdown()
        with contextlib.suppress(AssertionError):  # on a busy machine what was told to end is still ending
            until(lambda: not self.processes(), 60)
        left = self.processes()
        said = [" ".join(processes.command(process)) for process in left]
        processes.kill(left)
        shutil.rmtree(self.folder, ignore_errors=True)
        assert not left, f"left running: {said}"


Homes = Callable[..., Home]


def _cache(config: pytest.Config, name: str) -> Path:
    """A folder that is kept over sessions where pytest has a cache: environments take seconds and much room."""
    root = getattr(config, "cache", None)
    return Path(root.mkdir(name)) if root else CHECKOUT / ".pytest_cache" / "d" / name


@pytest.fixture(scope="session")
def environments_folder(pytestconfig: pytest.Config) -> Path:
    return _cache(pytestconfig, "environments")


@pytest.fixture(scope="session")
def seed() -> Path:
    """A home right after set-up, to copy."""

    def make(draft: Path) -> None:
        home = Home()
        try:
            shutil.copy(made_once.migrated_file(), home.folder / "db.sqlite3")
            tokens = home.python(PEOPLE)
            draft.mkdir()
            (draft / "tokens.json").write_text(tokens)
            for name in ("db.sqlite3", "secret_key"):
                shutil.copy(home.folder / name, draft / name)
        finally:
            home.end()

    return made_once.once("seed", make)


@pytest.fixture
def home(seed: Path, environments_folder: Path) -> Iterator[Home]:
    """A home of this test alone, with its people."""
    made = Home(seed, environments_folder)
    yield made
    made.end()


@pytest.fixture(scope="session")
def examples(pytestconfig: pytest.Config) -> Path:
    """linear.pkl, shallow.pkl, forest.pkl and holdout.csv, trained as `make run` trains them."""
    lock, script = CHECKOUT / "requirements" / "examples.txt", CHECKOUT / "examples" / "model" / "train.py"
    digest = hashlib.sha256(lock.read_bytes() + script.read_bytes()).hexdigest()[:12]
    folder = _cache(pytestconfig, "examples") / digest
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        if not (folder / "holdout.csv").exists():
            _train(folder, lock, script)
    return folder


def _train(folder: Path, lock: Path, script: Path) -> None:
    python = folder / "environment" / "bin" / "python"
    env = {**os.environ, "UV_NO_CONFIG": "1"}
    for command in (
        [uv(), "venv", "-q", "--clear", "--python", sys.executable, str(folder / "environment")],
        [uv(), "pip", "sync", "-q", "--require-hashes", "--python", str(python), str(lock)],
        [str(python), str(script), str(folder)],
    ):
        subprocess.run(command, check=True, env=env, capture_output=True)


def row_of(table: Path) -> dict[str, Any]:
    """The first row of a table, as the endpoint takes it."""
    names, values = table.read_text().splitlines()[:2]
    row = dict(zip(names.split(","), values.split(","), strict=True))
    return {key: value if key == "sex" else float(value) for key, value in row.items() if key != LABEL}


class Asking:
    """Asks an endpoint again and again from a thread, and counts what was not answered."""

    def __init__(self, address: str, row: dict[str, Any]) -> None:
        import threading

        self.address, self.row = address, row
        self.asked = self.failed = 0
        self.longest = 0.0  # seconds without an answer
        self.ending = threading.Event()
        self.thread = threading.Thread(target=self._ask, daemon=True)

    def _ask(self) -> None:
        last = time.monotonic()
        with httpx.Client(timeout=120) as client:
            while not self.ending.wait(0.05):
                self.asked += 1
                try:
                    fine = client.post(f"{self.address}/predict", json={"rows": [self.row]}).status_code == 200
                except httpx.HTTPError:
                    fine = False
                self.failed += not fine
                now = time.monotonic()
                self.longest = max(self.longest, now - last)
                last = now if fine else last

    def __enter__(self) -> Asking:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ending.set()
        self.thread.join(240)


# The shortest way from a file to an answer, asking its owner only when told to.
QUICK = """
desirepath: 1
template: quick
persona: ml-engineer
title: A model, quickly
inputs:
  model: {type: model}
  ask: {type: text, optional: true}
flow:
  - {id: preview, title: Preview, uses: endpoint.release, with: {model: "${{ inputs.model }}", traffic: 0}}
  - {id: owner, title: Ask the owner, uses: approve, when: "${{ inputs.ask == 'yes' }}", with: {by: team}}
  - {id: all, title: Serve all, uses: endpoint.shift, with: {traffic: 100}}
done:
  - {id: answers, title: Serving predictions, uses: endpoint.answers}
  - {id: drift, title: Drift is watched, uses: manual}
"""


def live(home: Home, model: Path, name: str = "progression") -> dict[str, Any]:
    """Bring a home up with this model live in it; the deployment as the API tells it."""
    home.up()
    client = home.client()
    client.keep_template(QUICK)
    served = client.serve(model, name=name, template="quick", until="done")
    assert served.run["state"] == "succeeded", served.run["reason"]
    assert served.deployment
    return served.deployment


def answers(address: str, row: dict[str, Any]) -> bool:
    with contextlib.suppress(httpx.HTTPError):
        return httpx.post(f"{address}/predict", json={"rows": [row]}, timeout=60).status_code == 200
    return False
