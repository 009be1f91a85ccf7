"""Ways from an app's folder to a live service, each as its own documentation says: Desirepath, piku, and by hand.

Every way has a place of its own, with no package in any cache, and counts what is typed and which lines are written.
Installing the tool itself is not counted, for none of them.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from engine.artefacts.app_folder import App
from engine.targets.local.machine import interpreter_of, uv
from tests.bench.driving import Engine, Failed
from tests.homes import SEED, Home, free_port
from tests.waiting import until

NAME = "shelf"
PIKU = Engine("piku", "piku", ("click==8.1.7", "virtualenv==20.29.1", "uwsgi==2.0.31", "setuptools<81"))
HONCHO = Engine("by hand, with honcho", "honcho", ("honcho==2.0.0",))
SECONDS = 300


@dataclass
class Way:
    """One way for one app. `typed` and `lines` are those of the last `push`."""

    folder: Path  # the app, a copy that may be changed
    place: Path
    app: App
    settings: Mapping[str, str] = field(default_factory=dict)
    typed: int = 0
    lines: int = 0

    name = ""
    misses = ""  # what it does not do

    def open(self) -> None:
        """What is there before anybody pushes: the tool itself."""

    def push(self, *, first: bool) -> str:
        """Have this folder's newest state served; the address it is to answer on."""
        raise NotImplementedError

    def close(self) -> None:
        """End all of it."""

    def is_new(self, began: float) -> bool:
        """Whether what listens was started after this moment."""
        return True

    def type(self, *command: str | Path, **env: str) -> str:
        """Type one command in the app's folder, as its user does."""
        self.typed += 1
        done = subprocess.run(
            list(map(str, command)), cwd=self.folder, env=self.env | env, capture_output=True, text=True,
            timeout=SECONDS, check=False,
        )  # fmt: skip
        if done.returncode:
            said = (done.stdout + done.stderr).strip().splitlines()
            raise Failed(
                f"{shlex.join(map(str, command))[:60]} ended with {done.returncode}: {said[-1] if said else ''}"
            )
        return done.stdout

    @property
    def env(self) -> dict[str, str]:
        """Nothing of our own environment but where programs and packages are; every cache is this way's own."""
        kept = {
            k: v for k, v in os.environ.items() if k.startswith(("UV_", "PIP_", "SSL_", "http", "HTTP", "no_", "NO_"))
        }
        caches = {"UV_CACHE_DIR": str(self.place / "uv"), "PIP_CACHE_DIR": str(self.place / "pip")}
        return kept | caches | {"PATH": os.environ["PATH"], "HOME": str(self.place), "USER": "bench", "LANG": "C.UTF-8"}

    def needed(self) -> dict[str, str]:
        """The settings it does not start without: ours and those that app.json wants made up."""
        return {n: secrets.token_urlsafe(24) for n, w in self.app.env.items() if w.generated} | dict(self.settings)


class Ours(Way):
    name = "Desirepath push"
    misses = "other languages than Python; another machine"

    def open(self) -> None:
        before = os.environ.get("UV_CACHE_DIR")
        os.environ["UV_CACHE_DIR"] = str(self.place / "uv")
        try:
            self.home = Home()
            self.home.tokens = json.loads(self.home.python(SEED, 180))
            self.home.up()
            self.home.sign_in("tom")
        finally:
            os.environ.pop("UV_CACHE_DIR") if before is None else os.environ.update(UV_CACHE_DIR=before)

    def push(self, *, first: bool) -> str:
        if first and self.settings:
            self._cli("config", "set", NAME, *(f"{key}={value}" for key, value in self.settings.items()))
        python = ["--python", self.app.python] if self.app.python else []
        self._cli("push", str(self.folder), "--name", NAME, *python)
        return str(self.home.client("tom").deployment(NAME)["address"])

    def settle(self) -> None:
        """The release answers before its run has ended: it looks and rehearses still."""
        client = self.home.client("tom")
        until(lambda: all(run["state"] not in ("running", "ready") for run in client.runs()), 60, "for the run")

    def _cli(self, *arguments: str) -> None:
        self.typed += 1
        done = self.home.cli(*arguments)
        if done.returncode:
            raise Failed((done.stdout + done.stderr).strip().splitlines()[-2][:300])

    def close(self) -> None:
        self.home.end()


class Piku(Way):
    """git push to a bare repository whose hook builds and spawns. A script stands for ssh, which costs it nothing."""

    name = "piku"
    misses = "tests, a look before the switch, zero drops, rollback, rehearsal, done; Python pins of the folder"
    checkout: Path  # of github.com/piku/piku

    def open(self) -> None:
        bin_folder = Path(PIKU.python()).parent
        self.root, self.script = self.place / ".piku", self.place / "piku.py"
        text = (self.checkout / "piku.py").read_text().splitlines(keepends=True)
        self.script.write_text("".join([f"#!{bin_folder / 'python'}\n", *text[1:]]))
        self.script.chmod(0o700)
        ssh = self.place / "ssh"
        ssh.write_text(f'#!/bin/sh\nfor last; do :; done\nexec /bin/sh -c "{self.script} $last"\n')
        ssh.chmod(0o700)
        self.more = {
            "PATH": f"{bin_folder}:{os.environ['PATH']}", "PIKU_ROOT": str(self.root), "GIT_SSH": str(ssh),
            "VIRTUALENV_NO_PERIODIC_UPDATE": "1",  # else it looks for news of itself, beside what is measured
            "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b", "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@b",
        }  # fmt: skip
        self.type(self.script, "setup", **self.more)
        for command in ("git init -q -b main", "git add -A", "git commit -qm one"):
            self.type(*command.split(), **self.more)
        self.uwsgi = subprocess.Popen(
            [str(bin_folder / "uwsgi"), "--ini", str(self.root / "uwsgi" / "uwsgi.ini")], env=self.env | self.more,
            cwd=self.place, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def push(self, *, first: bool) -> str:
        if first:
            self._collect()
            self.type("git", "remote", "add", "piku", f"piku@localhost:{NAME}", **self.more)
        else:
            self.type("git", "commit", "-qam", "another", **self.more)
        self.type("git", "push", "-q", "piku", "main", **self.more)
        if first and (needed := self.needed()):  # it takes them of an app that is there
            self.type(self.script, "config:set", NAME, *(f"{k}={v}" for k, v in needed.items()), **self.more)
        live = (self.root / "envs" / NAME / "LIVE_ENV").read_text().splitlines()
        self.port = int(next(line for line in live if line.startswith("PORT=")).partition("=")[2])
        return f"http://127.0.0.1:{self.port}"

    def _collect(self) -> None:
        """It does not collect static files by itself: a line of the Procfile does."""
        if self.app.manage:
            before = f"{self.app.release} && " if self.app.release else ""
            lines = [line for line in (self.folder / "Procfile").read_text().splitlines() if line[:8] != "release:"]
            lines.append(f"release: {before}python {self.app.manage} collectstatic --noinput")
            (self.folder / "Procfile").write_text("\n".join(lines) + "\n")
            self.lines += 1
            self.type("git", "commit", "-qam", "static files", **self.more)

    def is_new(self, began: float) -> bool:
        return listens_since(self.port, began)

    def close(self) -> None:
        below = psutil.Process(self.uwsgi.pid).children(recursive=True) if self.uwsgi.poll() is None else []
        self.uwsgi.send_signal(signal.SIGQUIT)
        ended(self.uwsgi, below)


class ByHand(Way):
    """What a developer without any such tool types: an environment, the packages, the tests, the release command."""

    name = HONCHO.name
    misses = "zero drops, rollback, rehearsal, done; it ends with the terminal"
    running: subprocess.Popen[bytes] | None = None

    def open(self) -> None:
        HONCHO.python()
        self.port = free_port()
        self.more = {"PATH": f"{self.place / 'venv' / 'bin'}:{os.environ['PATH']}"}

    def push(self, *, first: bool) -> str:
        if first:
            python = interpreter_of(self.app.python) if self.app.python else sys.executable
            self.type(uv(), "venv", "-q", "--python", python, self.place / "venv")
            self.type(uv(), "pip", "install", "-q", "--python", self.place / "venv" / "bin" / "python", "-r",
                      "requirements.txt")  # fmt: skip
            written = [f"{key}={value}" for key, value in self.needed().items()]
            (self.folder / ".env").write_text("\n".join(written) + "\n")
            self.lines += len(written)
        settings = dict(line.split("=", 1) for line in (self.folder / ".env").read_text().split())
        collect = f"python {self.app.manage} collectstatic --noinput" if self.app.manage else ""
        for command in (collect, self.app.test, self.app.release):
            if command:
                self.type("/bin/sh", "-c", command, **self.more, **settings)
        self._stop()
        self.typed += 1
        honcho = Path(HONCHO.python()).parent / "honcho"
        self.running = subprocess.Popen(
            [str(honcho), "start", "-p", str(self.port), *self.app.processes], cwd=self.folder,
            env=self.env | self.more, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        return f"http://127.0.0.1:{self.port}"

    def is_new(self, began: float) -> bool:
        return listens_since(self.port, began)

    def _stop(self) -> None:
        if self.running:
            below = psutil.Process(self.running.pid).children(recursive=True) if self.running.poll() is None else []
            self.running.terminate()
            ended(self.running, below)
            self.running = None

    def close(self) -> None:
        self._stop()


def listens_since(port: int, began: float) -> bool:
    for found in psutil.net_connections("tcp"):
        if found.status == psutil.CONN_LISTEN and found.laddr and found.laddr.port == port and found.pid:
            with contextlib.suppress(psutil.Error):
                if psutil.Process(found.pid).create_time() >= began - 0.02:
                    return True
    return False


def ended(process: subprocess.Popen[bytes], below: Sequence[psutil.Process]) -> None:
    """Wait for a process and what it had started; what does not end is killed."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(15)
    for one in [*below, *([psutil.Process(process.pid)] if process.poll() is None else [])]:
        with contextlib.suppress(psutil.Error):
            one.kill()
    psutil.wait_procs(below, 5)


def copied(app: Path, place: Path) -> Path:
    """The folder without its version control: every way begins with the same."""
    return Path(
        shutil.copytree(app, place, symlinks=True, ignore=shutil.ignore_patterns(".git", ".env", "__pycache__"))
    )


WAYS: tuple[type[Way], ...] = (Ours, Piku, ByHand)
