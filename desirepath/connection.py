"""Where the server is and who we are there: `--server`, DESIREPATH_URL, then the file `login` or `make run` wrote.

The only place of the client that reads environment variables; docs/environment.md lists them.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

ELSEWHERE = "Start one with `make run` in a checkout, or sign in to one with `desirepath login --server URL`."


class NoServer(Exception):
    """Nobody has said where the server is; the message says what to do."""


@dataclass(frozen=True)
class Place:
    url: str
    token: str


def file() -> Path:
    root = os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return Path(os.environ.get("DESIREPATH_CONFIG") or Path(root) / "desirepath" / "server.json")


DEFAULT = "http://127.0.0.1:8800"


def address(server: str | None = None) -> str:
    """The server that is meant, whether or not somebody is signed in to it. Raises NoServer for what is no address."""
    return _checked(server or os.environ.get("DESIREPATH_URL") or read().get("url") or DEFAULT)


def _checked(url: str) -> str:
    if not url.startswith(("http://", "https://")):
        raise NoServer(f"“{url}” is no address of a server: it has to begin with http:// or https://.")
    return url


def for_git() -> dict[str, str]:
    """The environment of a git that must not ask for a password."""
    return {**os.environ, "GIT_TERMINAL_PROMPT": "0"}


def find(server: str | None = None, token: str | None = None) -> Place:
    """The server to speak to. Raises NoServer."""
    kept = read()
    url = server or os.environ.get("DESIREPATH_URL") or kept.get("url", "")
    if not url:
        raise NoServer(f"No Desirepath server is known here. {ELSEWHERE}")
    _checked(url)
    same = kept.get("url", "").rstrip("/") == url.rstrip("/")
    token = token or os.environ.get("DESIREPATH_TOKEN") or (kept.get("token", "") if same else "")
    if not token:
        raise NoServer(f"You are not signed in to {url}. Run `desirepath login --server {url}`.")
    return Place(url.rstrip("/"), token)


def read() -> dict[str, str]:
    try:
        answer = json.loads(file().read_text())
    except (OSError, ValueError):
        return {}
    return answer if isinstance(answer, dict) else {}


def keep(url: str, token: str) -> Path:
    """Write the file, readable by its owner alone from the moment it exists."""
    path = file()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as stream:
        json.dump({"url": url.rstrip("/"), "token": token}, stream)
    temporary.replace(path)
    return path
