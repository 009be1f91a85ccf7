"""What this machine has that environments are made of: its Pythons, and uv."""

from __future__ import annotations

import contextlib
import functools
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from pathlib import Path

from engine.targets.base import TargetError
from lib import environment

# What uv may see of our environment: proxies, certificates and its own settings, none of our secrets.
PASSED = re.compile(
    r"HOME|PATH|LANG|LC_.*|TMPDIR|XDG_CACHE_HOME|UV_.*|SSL_CERT_.*|(?i:https?_proxy|no_proxy|all_proxy)"
)


def uv() -> str:
    """The uv of this server's own environment, else the one on PATH."""
    own = Path(sysconfig.get_path("scripts")) / "uv"
    path = str(own) if own.exists() else shutil.which("uv")
    if not path:
        raise TargetError("uv is missing: run `make run`, which installs it, then try again.")
    return path


def installed() -> dict[str, str]:
    """Pythons of this machine by minor version, oldest first: {"3.11": "/usr/bin/python3.11"}."""
    versions: dict[str, str] = {}
    for candidate in _candidates():
        if (minor := _minor_of(candidate)) and minor not in versions:
            versions[minor] = candidate
    return dict(sorted(versions.items(), key=lambda item: tuple(map(int, item[0].split(".")))))


def interpreter_of(minor: str) -> str:
    """A Python of this minor version; else a TargetError that names what there is and what is missing."""
    if f"{sys.version_info.major}.{sys.version_info.minor}" == minor:
        return _base_python()
    for candidate in _candidates(minor):
        if _minor_of(candidate) == minor:
            return candidate
    process = subprocess.run(
        [uv(), "python", "find", "--no-python-downloads", "--no-project", "--system", minor],
        capture_output=True, text=True, env=tool_env(), cwd="/", check=False,
    )  # fmt: skip
    if process.returncode == 0 and _minor_of(process.stdout.strip()) == minor:
        return process.stdout.strip()
    there = ", ".join(installed()) or "none"
    raise TargetError(f"Python {minor} is not installed. Found here: {there}. Install Python {minor}, then try again.")


def _candidates(minor: str = "3.*") -> Iterator[str]:
    """Programs that may be such a Python: our own, on PATH, and in the folders of pyenv, uv and asdf."""
    yield _base_python()
    pattern = f"python{minor}"
    for folder in environment.get("PATH").split(os.pathsep):
        if folder and not folder.rstrip("/").endswith("/shims"):  # pyenv's shims fail for versions not switched on
            yield from _programs(Path(folder), pattern)
    homes = (environment.get("PYENV_ROOT", "~/.pyenv"), "~/.local/share/uv/python", "~/.asdf/installs/python")
    for home in homes:
        versions = Path(home).expanduser() / "versions" if "pyenv" in home else Path(home).expanduser()
        for version in sorted(versions.glob("*"), reverse=True):
            yield from _programs(version / "bin", pattern)


def _programs(folder: Path, pattern: str) -> Iterator[str]:
    with contextlib.suppress(OSError):
        for path in sorted(folder.glob(pattern)):
            if re.fullmatch(r"python3\.\d+", path.name):
                yield str(path)


def _base_python() -> str:
    """The Python our own environment was made from."""
    base = getattr(sys, "_base_executable", "") or sys.executable
    return os.path.realpath(base)


@functools.lru_cache(maxsize=64)  # asking them all takes a second
def _minor_of(program: str) -> str | None:
    """ "3.11" when the program is a Python that works, with what packages need; older than 3.8 does not count."""
    if not program:
        return None
    check = "import sys, ssl, zlib; print('%d.%d' % sys.version_info[:2])"
    try:
        done = subprocess.run([program, "-I", "-c", check], capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    minor = done.stdout.strip()
    return minor if done.returncode == 0 and tuple(map(int, minor.split("."))) >= (3, 8) else None


def tool_env() -> Mapping[str, str]:
    """The environment variables that uv is run with."""
    return environment.passed_on(PASSED) | {"NO_COLOR": "1"}
