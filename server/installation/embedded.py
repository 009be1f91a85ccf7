"""The embedded default: web and engine as child processes of this one. One process per home, held by a lock.

Both are started again when they die and go on from the database. Workloads belong to the local target and outlive this
process; `shutdown` ends them too.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import httpx
import psutil

from engine.targets.local import LocalTarget
from lib.environment import everything
from server.installation import environment

CHECKOUT = Path(__file__).resolve().parents[2]
PORT = 8800
READY_WITHIN = 90.0  # seconds
NAMED_WITHIN = 2.0  # seconds in which whoever has taken a home's lock writes down who it is
PR_SET_PDEATHSIG = 1
FRUGAL = {"MALLOC_ARENA_MAX": "2"}  # else every thread keeps a heap of its own


class CannotStart(Exception):
    """The embedded default cannot start here; the message says why and what to do."""


class Embedded:
    """Use as a context: entering starts web and engine and waits until they answer, leaving ends both."""

    def __init__(self, home: Path, port: int | None = None) -> None:
        self.home = home
        self.asked = port or environment.PORT.value() or None
        self.port = self.asked or PORT
        self.target = LocalTarget(home)
        self.children: dict[str, subprocess.Popen[bytes]] = {}
        self.lock: IO[str] | None = None
        self.stopping = False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self.take_lock()
        try:
            self.port = free_port(self.asked)
            self._write_lock(self.url)
            self.target.start()
            for name in self._commands():
                self._spawn(name)
            self.wait_until_ready()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # --- one at a time ---

    def take_lock(self) -> None:
        """Only one process runs this home. Raises CannotStart that names the other."""
        if self.lock:
            return
        self.lock = (self.home / "up.lock").open("a+")
        if is_ours(self.lock):
            self._write_lock("")
        else:
            other = running(self.home)
            self.lock.close()
            self.lock = None
            at = f" at {other['url']}" if other and other["url"] else ""
            where = f"{at} (process {other['pid']})" if other else ""
            raise CannotStart(
                f"Desirepath runs from {self.home.name}/ already{where}. Use that one, or end it with `make stop`."
            )

    def _write_lock(self, url: str) -> None:
        """Write this process and, once known, its address into the lock file."""
        assert self.lock
        self.lock.seek(0)
        self.lock.truncate()
        json.dump({"pid": os.getpid(), "url": url}, self.lock)
        self.lock.flush()

    # --- the two processes ---

    def _commands(self) -> dict[str, list[str]]:
        web = ["-m", "uvicorn", "server.asgi:application", "--host", "127.0.0.1", "--port", str(self.port)]
        web += ["--lifespan", "off", "--timeout-graceful-shutdown", "2", "--no-access-log"]
        return {"web": web, "engine": ["manage.py", "engine"]}

    def _spawn(self, name: str) -> None:
        with (self.home / "logs" / f"{name}.log").open("ab") as log:
            self.children[name] = subprocess.Popen(
                [sys.executable, *self._commands()[name]], cwd=CHECKOUT, stdin=subprocess.DEVNULL, stdout=log,
                stderr=log, env=FRUGAL | everything(DESIREPATH_HOME=str(self.home)), start_new_session=True,
                preexec_fn=_die_with_parent,
            )  # fmt: skip

    def keep_alive(self) -> None:
        """Start again what has died. Call it now and then."""
        for name, child in self.children.items():
            if child.poll() is not None and not self.stopping:
                self._spawn(name)

    def wait_until_ready(self) -> None:
        """Until the pages answer and the engine has asked for work. Raises CannotStart, with what the logs say."""
        deadline = time.monotonic() + READY_WITHIN
        while problem := self._not_ready():
            ended = {name: child.poll() for name, child in self.children.items()}
            if any(code is not None and code < 0 for code in ended.values()):
                self.keep_alive()  # it was killed from outside
            dead = [name for name, code in ended.items() if code is not None and code >= 0]
            if dead == ["web"] and not self.asked and not is_free(self.port):
                self._move()
                continue
            if dead or time.monotonic() > deadline:
                logs = " ".join(f"Log of {n}: {_tail(self.home / 'logs' / f'{n}.log')}" for n in dead or self.children)
                raise CannotStart(f"Desirepath does not get ready ({problem}). {logs}")
            time.sleep(0.1)

    def _move(self) -> None:
        """Take another port, because another home took ours before we listened on it."""
        self.port = free_port(None)
        self._write_lock(self.url)
        self._spawn("web")

    def _not_ready(self) -> str:
        """Why the pages do not answer yet; "" when they do."""
        if not _listens(self.children["web"].pid, self.port):
            return "the web process does not listen yet"  # whoever answers there is another home's
        try:
            answer = httpx.get(f"{self.url}/health/ready", timeout=5)
            return "" if answer.is_success else str(answer.json()["problems"][0]["what"])
        except (httpx.HTTPError, ValueError, LookupError) as error:
            return f"the web process does not answer: {error}"

    def serve(self) -> None:
        """Until SIGTERM or Ctrl-C."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        while not self.stopping:
            self.keep_alive()
            time.sleep(0.1)

    def _stop(self, *_: Any) -> None:
        self.stopping = True

    def close(self) -> None:
        """End web and engine; workloads stay."""
        self.stopping = True
        for child in self.children.values():
            child.terminate()
        for child in self.children.values():
            try:
                child.wait(timeout=10)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        self.children.clear()
        if self.lock:
            self.lock.seek(0)
            self.lock.truncate()
            self.lock.close()
            self.lock = None


def running(home: Path) -> dict[str, Any] | None:
    """{"pid", "url"} of the process that has this home, or None. The lock says whether one has it, never the file: it
    outlives a reboot, and its number may be anybody's by then.
    """
    with contextlib.suppress(FileNotFoundError), (home / "up.lock").open() as file:
        deadline = time.monotonic() + NAMED_WITHIN
        while _is_held(file):
            file.seek(0)
            with contextlib.suppress(ValueError):
                return dict(json.load(file))
            if time.monotonic() > deadline:
                return None
            time.sleep(0.02)  # it is being written
    return None


def is_ours(lock: IO[str]) -> bool:
    """Take a home's lock, and what an earlier one wrote into it away; False when another has it."""
    for _ in range(5):  # whoever only looks whether it is held has it for a moment too
        with contextlib.suppress(OSError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            lock.truncate(0)
            return True
        time.sleep(0.02)
    return False


def _is_held(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    fcntl.flock(file, fcntl.LOCK_UN)
    return False


def stop(home: Path) -> list[str]:
    """End everything of this home: web, engine, and every workload. Returns what was ended, in words."""
    ended = []
    if other := running(home):
        os.kill(other["pid"], signal.SIGTERM)
        deadline = time.monotonic() + 20
        while running(home) and time.monotonic() < deadline:
            time.sleep(0.1)
        ended.append("web and engine")
    target = LocalTarget(home)
    target.shutdown()
    return [*ended, "everything it served"]


def free_port(asked: int | None) -> int:
    """The port asked for, or the first free one from 8800. Raises CannotStart when the one asked for is taken."""
    for port in [asked] if asked else range(PORT, PORT + 50):
        if is_free(port):
            return port
    if asked:
        raise CannotStart(
            f"Port {asked} is taken. End what has it, or take another: DESIREPATH_PORT={asked + 1} make run"
        )
    raise CannotStart(f"No port from {PORT} to {PORT + 49} is free; name one: DESIREPATH_PORT=9000 make run")


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _listens(pid: int, port: int) -> bool:
    """Whether it is this process that has the port."""
    try:
        held = psutil.Process(pid).net_connections("tcp4")
    except psutil.Error:
        return False
    return any(connection.status == psutil.CONN_LISTEN and connection.laddr.port == port for connection in held)


def _die_with_parent() -> None:
    """So that a killed parent leaves no web or engine behind. Linux only; elsewhere `make stop` does it."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _tail(log: Path) -> str:
    return " ".join(log.read_text(errors="replace").splitlines()[-3:]) if log.exists() else "empty"
