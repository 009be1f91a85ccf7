"""An app as its author wrote it: a folder with a Procfile, read from its archive without running any of it.

The conventions are Heroku's, so that a folder made for it goes through unchanged: `Procfile` (https://devcenter.heroku.com
/articles/procfile), `.python-version` or `runtime.txt`, `requirements.txt`, `Pipfile.lock` or `pyproject.toml`, and
`app.json` (its test script, the settings it needs, how many of each process). Pure: bytes in, values out.
"""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

READ = (
    "Procfile", ".python-version", "runtime.txt", "requirements.txt", "Pipfile.lock", "pyproject.toml", "app.json",
    "manage.py",
)  # fmt: skip
LINE = re.compile(r"^([A-Za-z0-9_-]+):\s*(.+?)\s*$")
PINNED = re.compile(r"^(?:cpython-|python-)?(3\.\d+)(?:\.\d+)?$")
INCLUDED = re.compile(r"^(?:-r|--requirement|-c|--constraint)[ =]\s*(\S+)")
ITSELF = re.compile(r"^(?:-e|--editable)?[ =]?\s*\.(?:/.*)?(?:\[.*\])?$")
OPTIONS = re.compile(r"^--?[a-z]")
BOUND = re.compile(r"(>=|<=|==|~=|!=|>|<)\s*3\.(\d+)")
MOST = 1 << 20  # bytes of a file that is read


class BadApp(ValueError):
    """The folder cannot be released as it is. The message says what to write into which file."""


@dataclass(frozen=True)
class Wanted:
    """A setting that app.json names."""

    value: str | None = None
    generated: bool = False  # a secret that is made up once and kept
    needed: bool = True
    about: str = ""


@dataclass(frozen=True)
class App:
    """What a folder says of itself."""

    processes: Mapping[str, str]  # type → command, without `release`
    release: str = ""  # a command, once per release
    python: str = ""  # "3.11"; "" when nothing says
    pythons: Sequence[str] = ()  # bounds of requires-python: (">=3.10", "<3.13")
    requirements: Sequence[str] = ()
    test: str = ""
    test_env: Mapping[str, str] = field(default_factory=dict)
    env: Mapping[str, Wanted] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)  # of app.json's formation
    collects: bool = False  # a Django project: its static files are collected once per release
    paths: Sequence[str] = ()  # of its own packages, below the folder

    def count(self, process: str, scale: Mapping[str, int]) -> int:
        """How many of this process run: as scaled, else as app.json says, else one."""
        return int(scale.get(process, self.counts.get(process, 1)))


def parse(files: Mapping[str, bytes]) -> App:
    """The app of these files, by their path below the folder. Raises BadApp."""
    processes = _procfile(files)
    described = _app_json(files)
    project = _toml(files)
    test, test_env = _tests(described)
    requirements = _requirements(files, project)
    django = "manage.py" in files and any(line.lower().startswith("django") for line in requirements)
    return App(
        processes={name: command for name, command in processes.items() if name != "release"},
        release=processes.get("release", ""),
        python=_pinned(files),
        pythons=_bounds(project),
        requirements=requirements,
        test=test,
        test_env=test_env,
        env=_env(described),
        counts=_formation(described),
        collects=django and not described.get("env", {}).get("DISABLE_COLLECTSTATIC"),
        paths=("src",) if any(name.startswith("src/") for name in files) else (),
    )


def choose_python(app: App, installed: Sequence[str], own: str) -> str:
    """The Python to use, "3.11", of those installed (oldest first). Raises BadApp naming what is missing."""
    there = ", ".join(installed) or "none"
    if app.python:
        if app.python in installed:
            return app.python
        raise BadApp(
            f"The app pins Python {app.python} (.python-version or runtime.txt), which is not installed. Found here: "
            f"{there}. Install Python {app.python}, or name another: desirepath push --python {own}"
        )
    fits = [version for version in installed if all(_fits(version, bound) for bound in app.pythons)]
    if not fits:
        raise BadApp(f"pyproject.toml asks for Python {', '.join(app.pythons)}. Found here: {there}.")
    return own if own in fits else fits[-1]


# --- each file -------------------------------------------------------------------------------------------------------


def _procfile(files: Mapping[str, bytes]) -> dict[str, str]:
    if "Procfile" not in files:
        raise BadApp(f"There is no Procfile in the folder: it says how the app is started. {suggestion(files)}")
    found: dict[str, str] = {}
    for number, line in enumerate(_text(files, "Procfile").splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = LINE.match(line.strip())
        if match is None:
            raise BadApp(f"Procfile, line {number}: “{line.strip()[:80]}” is not “process: command”.")
        found[match[1]] = match[2]
    if not set(found) - {"release"}:
        raise BadApp(f"The Procfile starts nothing. {suggestion(files)}")
    return found


def suggestion(files: Mapping[str, bytes]) -> str:
    """A line for a Procfile, as far as the folder says what it is."""
    text = " ".join(_text(files, name) for name in ("requirements.txt", "pyproject.toml") if name in files).lower()
    if "manage.py" in files:
        settings = re.search(r"[\"\']([\w.]+)\.settings", _text(files, "manage.py"))
        line = f"web: gunicorn {settings[1] if settings else 'PROJECT'}.wsgi"
    elif "fastapi" in text or "starlette" in text:
        line = "web: uvicorn main:app --host 0.0.0.0 --port $PORT"
    elif "flask" in text:
        line = "web: gunicorn app:app"
    else:
        line = "web: COMMAND that listens on $PORT"
    return f"Write a file named Procfile with, for instance: {line}"


def _pinned(files: Mapping[str, bytes]) -> str:
    for name in (".python-version", "runtime.txt"):
        if name in files:
            lines = [line.strip() for line in _text(files, name).splitlines()]
            said = next((line for line in lines if line and not line.startswith("#")), "")
            match = PINNED.match(said)
            if match is None:
                raise BadApp(f"{name} says “{said[:40]}”; it has to name one Python, for instance 3.11.")
            return match[1]
    return ""


def _bounds(project: Mapping[str, Any]) -> tuple[str, ...]:
    said = str(project.get("project", {}).get("requires-python", ""))
    return tuple(f"{sign}3.{minor}" for sign, minor in BOUND.findall(said))


def _fits(version: str, bound: str) -> bool:
    match = BOUND.match(bound)
    assert match is not None
    mine, theirs = int(version.split(".")[1]), int(match[2])
    return {">=": mine >= theirs, "~=": mine >= theirs, ">": mine >= theirs, "<=": mine <= theirs, "<": mine < theirs,
            "==": mine == theirs, "!=": mine != theirs}[match[1]]  # fmt: skip


def _requirements(files: Mapping[str, bytes], project: Mapping[str, Any]) -> tuple[str, ...]:
    if "requirements.txt" in files:
        return tuple(_flat(files, "requirements.txt", ()))
    if "Pipfile.lock" in files:
        return tuple(_pipfile(files))
    described = project.get("project", {})
    if "poetry" in project.get("tool", {}) and "dependencies" not in described:
        raise BadApp(
            "pyproject.toml lists its packages for Poetry alone. Write them down for others too: "
            "poetry export -o requirements.txt"
        )
    return tuple(str(line) for line in described.get("dependencies", ()))


def _flat(files: Mapping[str, bytes], name: str, within: tuple[str, ...]) -> list[str]:
    """A requirements file's lines with those of the files it includes; the app itself is left out, it is there."""
    if name in within:
        return []
    if name not in files:
        raise BadApp(f"{within[-1] if within else 'requirements.txt'} includes {name}, which is not in the folder.")
    folder = name.rpartition("/")[0]
    found: list[str] = []
    for line in _text(files, name).replace("\\\n", " ").splitlines():
        line = re.sub(r"(^|\s)#.*$", "", line).strip()
        if match := INCLUDED.match(line):
            found += _flat(files, _joined(folder, match[1]), (*within, name))
        elif line and not ITSELF.match(line) and not OPTIONS.match(line):
            found.append(re.sub(r"\s+--hash=\S+", "", line))
    return found


def _joined(folder: str, name: str) -> str:
    parts: list[str] = folder.split("/") if folder else []
    for part in name.split("/"):
        if part == "..":
            parts = parts[:-1]
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts)


def _pipfile(files: Mapping[str, bytes]) -> list[str]:
    locked = _json(files, "Pipfile.lock").get("default", {})
    lines = []
    for name, body in locked.items():
        extras = f"[{','.join(body['extras'])}]" if body.get("extras") else ""
        marker = f"; {body['markers']}" if body.get("markers") else ""
        lines.append(f"{name}{extras}{body.get('version', '')}{marker}")
    return lines


def _app_json(files: Mapping[str, bytes]) -> dict[str, Any]:
    return _json(files, "app.json") if "app.json" in files else {}


def _tests(described: Mapping[str, Any]) -> tuple[str, dict[str, str]]:
    test = described.get("environments", {}).get("test", {})
    script = test.get("scripts", {}).get("test") or described.get("scripts", {}).get("test") or ""
    env = {name: str(_wanted(body).value or "") for name, body in test.get("env", {}).items()}
    return str(script), env


def _env(described: Mapping[str, Any]) -> dict[str, Wanted]:
    return {str(name): _wanted(body) for name, body in described.get("env", {}).items()}


def _wanted(body: Any) -> Wanted:
    if not isinstance(body, dict):
        return Wanted(value=str(body))
    value = body.get("value")
    return Wanted(
        value=None if value is None else str(value), generated=body.get("generator") == "secret",
        needed=bool(body.get("required", True)), about=str(body.get("description", "")),
    )  # fmt: skip


def _formation(described: Mapping[str, Any]) -> dict[str, int]:
    return {
        str(name): int(body["quantity"])
        for name, body in described.get("formation", {}).items()
        if isinstance(body, dict) and str(body.get("quantity", "")).isdigit()
    }


def _json(files: Mapping[str, bytes], name: str) -> dict[str, Any]:
    try:
        found = json.loads(_text(files, name))
    except ValueError as error:
        raise BadApp(f"{name} is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise BadApp(f"{name} has to be an object, {{…}}.")
    return found


def _toml(files: Mapping[str, bytes]) -> dict[str, Any]:
    if "pyproject.toml" not in files:
        return {}
    try:
        return tomllib.loads(_text(files, "pyproject.toml"))
    except tomllib.TOMLDecodeError as error:
        raise BadApp(f"pyproject.toml cannot be read: {error}") from error


def _text(files: Mapping[str, bytes], name: str) -> str:
    try:
        return files[name].decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadApp(f"{name} is not UTF-8 text.") from error


def first_word(command: str) -> str:
    """The program of a command, for people: `gunicorn`."""
    try:
        words = [word for word in shlex.split(command) if "=" not in word]
    except ValueError:
        words = command.split()
    return words[0] if words else command
