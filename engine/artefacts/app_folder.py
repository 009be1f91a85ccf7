"""An app as its author wrote it: a folder with a Procfile, read from its archive without running any of it.

The conventions are Heroku's, so that a folder made for it goes through unchanged: `Procfile` (https://devcenter.heroku.com
/articles/procfile), `.python-version` or `runtime.txt`, `requirements.txt`, a lock (`app_locks`), `pyproject.toml` or
`setup.py`, and `app.json` (its test script, the settings it needs, how many of each process). Pure: bytes in, values
out.
"""

from __future__ import annotations

import ast
import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from engine.artefacts import app_locks

READ = (
    "Procfile", ".python-version", "runtime.txt", "requirements.txt", "Pipfile.lock", "uv.lock", "poetry.lock",
    "pyproject.toml", "setup.py", "app.json", "manage.py",
)  # fmt: skip
LINE = re.compile(r"^([A-Za-z0-9_-]+)\s*:\s*(.+?)\s*$")
PINNED = re.compile(r"^(?:cpython-|python-)?(3\.\d+)(?:\.\d+)?$")
INCLUDED = re.compile(r"^(?:-r|--requirement|-c|--constraint)[ =]\s*(\S+)")
EDITABLE = re.compile(r"^(?:-e|--editable)[ =]\s*")
LOCAL = re.compile(r"^(\.[\w./-]*)(?:\[([\w,\s-]*)\])?$")  # `.`, `./libs/money`, `.[web]`
PLACES = re.compile(r"^(--extra-index-url|--find-links|-f)[ =]\s*(\S+://\S+)$")  # where more packages come from
OPTIONS = re.compile(r"^--?[a-z]")
AFTER = "bin/post_compile"  # Heroku's name for it
PINS = ".python-version, runtime.txt or Pipfile.lock"
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
    pythons: Sequence[str] = ()  # ranges of which one has to fit: ("<3.13,>=3.10",); none: any Python
    requirements: Sequence[str] = ()
    test: str = ""
    test_env: Mapping[str, str] = field(default_factory=dict)
    env: Mapping[str, Wanted] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)  # of app.json's formation
    manage: str = ""  # a Django project's manage.py, whose static files are collected once per release
    after: str = ""  # a script of its own that is run when its packages are there
    paths: Sequence[str] = ()  # of its own packages, below the folder

    @property
    def packages(self) -> int:
        """How many it asks for."""
        return sum(not line.startswith("-") for line in self.requirements)

    def count(self, process: str, scale: Mapping[str, int]) -> int:
        """How many of this process run: as scaled, else as app.json says, else one."""
        return int(scale.get(process, self.counts.get(process, 1)))


def parse(files: Mapping[str, bytes]) -> App:
    """The app of these files, by their path below the folder. Raises BadApp."""
    processes = _procfile(files)
    described = _app_json(files)
    project = _toml(files, "pyproject.toml")
    test, test_env = _tests(described)
    requirements, beside = _requirements(files, project)
    django = any(re.match(r"django\b(?!-)", line, re.IGNORECASE) for line in requirements)
    return App(
        processes={name: command for name, command in processes.items() if name != "release"},
        release=processes.get("release", ""),
        python=_pinned(files),
        pythons=_ranges(project),
        requirements=requirements,
        test=test,
        test_env=test_env,
        env=_env(described),
        counts=_formation(described),
        manage=_manage(files) if django and not described.get("env", {}).get("DISABLE_COLLECTSTATIC") else "",
        after=AFTER if AFTER in files else "",
        paths=(*(("src",) if any(name.startswith("src/") for name in files) else ()), *beside),
    )


def _manage(files: Mapping[str, bytes]) -> str:
    """The manage.py nearest to the top, at most two folders down."""
    scripts = [name for name in files if name.rpartition("/")[2] == "manage.py" and name.count("/") <= 2]
    return min(scripts, key=lambda name: (name.count("/"), name), default="")


def choose_python(app: App, installed: Sequence[str], own: str) -> str:
    """The Python to use, "3.11", of those installed (oldest first). Raises BadApp naming what is missing."""
    there = ", ".join(installed) or "none"
    if app.python:
        if app.python in installed:
            return app.python
        other = _nearest(app.python, installed, own)
        raise BadApp(
            f"The app pins Python {app.python} ({PINS}), which is not installed. Found here: {there}. "
            f"Install Python {app.python}, or name another: desirepath push --python {other}"
        )
    fits = [version for version in installed if _fits(version, app.pythons)]
    if not fits:
        raise BadApp(f"pyproject.toml asks for Python {' or '.join(app.pythons)}. Found here: {there}.")
    return own if own in fits else fits[-1]


def _nearest(pinned: str, installed: Sequence[str], own: str) -> str:
    """The installed Python to suggest in place of `pinned`: the next newer one, else the newest."""
    newer = [version for version in installed if _minor(version) > _minor(pinned)]
    return newer[0] if newer else installed[-1] if installed else own


def _minor(version: str) -> int:
    return int(version.split(".")[1])


# --- each file -------------------------------------------------------------------------------------------------------


def _procfile(files: Mapping[str, bytes]) -> dict[str, str]:
    if "Procfile" not in files:
        raise BadApp(f"There is no Procfile in the folder: it says how the app is started. {suggestion(files)}")
    commands: dict[str, str] = {}
    for number, line in enumerate(_text(files, "Procfile").splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = LINE.match(line.strip())
        if match is None:
            raise BadApp(f"Procfile, line {number}: “{line.strip()[:80]}” is not “process: command”.")
        commands[match[1]] = match[2]
    if not set(commands) - {"release"}:
        raise BadApp(f"The Procfile starts nothing. {suggestion(files)}")
    return commands


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
            pin = next((line for line in lines if line and not line.startswith("#")), "")
            match = PINNED.match(pin)
            if match is None:
                raise BadApp(f"{name} says “{pin[:40]}”; it has to name one Python, for instance 3.11.")
            return match[1]
    asked = _json(files, "Pipfile.lock").get("_meta", {}).get("requires", {}) if _by_pipfile(files) else {}
    match = PINNED.match(str(asked.get("python_full_version") or asked.get("python_version") or ""))
    return match[1] if match else ""


def _by_pipfile(files: Mapping[str, bytes]) -> bool:
    return "Pipfile.lock" in files and "requirements.txt" not in files


def _ranges(project: Mapping[str, Any]) -> tuple[str, ...]:
    """The ranges of Python that the project runs on, of which one has to fit; none: any Python."""
    constraint = project.get("project", {}).get("requires-python")
    if constraint is not None:
        return (_range(str(constraint), "requires-python"),)
    poetry = project.get("tool", {}).get("poetry", {}).get("dependencies", {}).get("python")
    if poetry is None:
        return ()
    constraint = poetry.get("version", "*") if isinstance(poetry, dict) else str(poetry)
    return tuple(_range(_from_poetry(way), "python") for way in re.split(r"\s*\|\|?\s*", constraint))


def _range(constraint: str, key: str) -> str:
    try:
        return str(SpecifierSet(constraint))
    except InvalidSpecifier as error:
        raise BadApp(f"pyproject.toml says {key} = “{constraint[:60]}”, which is not a range of versions.") from error


def _from_poetry(constraint: str) -> str:
    """A Poetry constraint in PEP 440's form: `^3.10` and `~3.10` also bound the next version."""
    return ",".join(_poetry_bound(part) for part in re.split(r"[,\s]+(?=[\^~<>=!\d*])", constraint.strip()) if part)


def _poetry_bound(part: str) -> str:
    if part == "*":
        return ""
    if re.fullmatch(r"[\d.]+(\*)?", part):
        return f"=={part}" if part.endswith("*") else f"=={part}.*"
    match = re.fullmatch(r"([\^~])\s*((\d+)(?:\.(\d+))?[\d.]*)", part)
    if match is None:
        return part
    sign, lowest, major, minor = match.groups()
    if sign == "~" and minor:
        return f">={lowest},<{major}.{int(minor) + 1}"
    return f">={lowest},<{int(major) + 1}"


def _fits(minor: str, ranges: Sequence[str]) -> bool:
    """Whether some release of this minor version is in one of the ranges."""
    return not ranges or any(
        SpecifierSet(specifier).contains(f"{minor}.{patch}") for specifier in ranges for patch in range(100)
    )


def _requirements(files: Mapping[str, bytes], project: Mapping[str, Any]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What to install, and the folders of the app's own that are to be found beside it."""
    if "requirements.txt" in files:
        lines, beside = list[str](), list[str]()
        for line in _flat(files, "requirements.txt", ()):
            if local := LOCAL.match(line):
                place = _joined("", local[1])
                there = _below(files, place)
                lines += _own(there, app_locks.words(local[2]))
                beside += [f"{place}/src" if any(name.startswith("src/") for name in there) else place] if place else []
            else:
                lines.append(line)
        return tuple(lines), tuple(beside)
    if _by_pipfile(files):
        return tuple(app_locks.pipfile(_json(files, "Pipfile.lock"))), ()
    if "Pipfile" in files:
        raise BadApp("There is a Pipfile and no Pipfile.lock, which names the packages. Write it: pipenv lock")
    if "poetry.lock" in files:
        return tuple(app_locks.poetry(_toml(files, "poetry.lock"), project)), ()
    if "uv.lock" in files:
        return tuple(app_locks.uv(_toml(files, "uv.lock"))), ()
    if "poetry" in project.get("tool", {}) and "dependencies" not in project.get("project", {}):
        raise BadApp("pyproject.toml lists its packages for Poetry, and there is no poetry.lock. Write it: poetry lock")
    return tuple(_own(files, ())), ()


def _below(files: Mapping[str, bytes], place: str) -> Mapping[str, bytes]:
    if not place:
        return files
    return {name.removeprefix(f"{place}/"): data for name, data in files.items() if name.startswith(f"{place}/")}


def _own(files: Mapping[str, bytes], extras: Sequence[str]) -> list[str]:
    """What a package of the app's own asks for, in pyproject.toml or as a plain list in setup.py."""
    described = _toml(files, "pyproject.toml").get("project", {})
    if described or "setup.py" not in files:
        optional = described.get("optional-dependencies", {})
        return [str(line) for name in ("", *extras) for line in (optional.get(name, ()) if name else
                described.get("dependencies", ()))]  # fmt: skip
    try:
        calls = [node for node in ast.walk(ast.parse(_text(files, "setup.py"))) if isinstance(node, ast.Call)]
        named = [word.value for call in calls for word in call.keywords if word.arg == "install_requires"]
        return [str(line) for line in ast.literal_eval(named[0])] if named else []
    except (SyntaxError, ValueError):  # reckoned when it is run, which nothing here does
        raise BadApp(
            "The packages of setup.py cannot be read without running it. List them in requirements.txt."
        ) from None


def _flat(files: Mapping[str, bytes], name: str, within: tuple[str, ...]) -> list[str]:
    """A requirements file's lines with those of the files it includes."""
    if name in within:
        return []
    if name not in files:
        raise BadApp(f"{within[-1] if within else 'requirements.txt'} includes {name}, which is not in the folder.")
    folder = name.rpartition("/")[0]
    lines: list[str] = []
    for line in _text(files, name).replace("\r\n", "\n").replace("\\\n", " ").splitlines():
        line = re.sub(r"(^|\s)#.*$", "", line).strip()
        line = re.sub(r"\s+--hash=\S+", "", line)
        if match := INCLUDED.match(line):
            lines += _flat(files, _joined(folder, match[1]), (*within, name))
        elif match := PLACES.match(line):
            lines.append(f"{match[1]} {match[2]}")
        elif (line := EDITABLE.sub("", line)) and not OPTIONS.match(line):
            lines.append(line)
    return lines


def _joined(folder: str, name: str) -> str:
    parts: list[str] = folder.split("/") if folder else []
    for part in name.split("/"):
        if part == "..":
            parts = parts[:-1]
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts)


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
        value = json.loads(_text(files, name))
    except ValueError as error:
        raise BadApp(f"{name} is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise BadApp(f"{name} has to be an object, {{…}}.")
    return value


def _toml(files: Mapping[str, bytes], name: str) -> dict[str, Any]:
    if name not in files:
        return {}
    try:
        return tomllib.loads(_text(files, name))
    except tomllib.TOMLDecodeError as error:
        raise BadApp(f"{name} cannot be read: {error}") from error


def _text(files: Mapping[str, bytes], name: str) -> str:
    try:
        return files[name].decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadApp(f"{name} is not UTF-8 text.") from error
