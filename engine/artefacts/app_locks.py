"""The packages of an app's lock file, each as one line that an installer takes: Pipfile.lock, uv.lock, poetry.lock.

A lock lists more than is installed (what developing takes, other extras, other systems), so what is asked for is
followed from the project's own dependencies. Pure: what was parsed in, lines out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Marks = frozenset[str]  # all of them hold


@dataclass(frozen=True)
class Need:
    """One package's requirement of another."""

    key: str
    marker: str = ""
    extras: tuple[str, ...] = ()


@dataclass(frozen=True)
class Locked:
    """A package as it is locked. `line` is "" for the app itself, which is not installed."""

    line: str
    needs: Sequence[Need] = ()
    extras: Mapping[str, Sequence[Need]] = field(default_factory=dict)

    def asks(self, extras: Iterable[str]) -> Iterator[Need]:
        yield from self.needs
        for extra in extras:
            yield from self.extras.get(extra, ())


def pipfile(locked: Mapping[str, Any]) -> list[str]:
    """Of Pipfile.lock, where only what is installed stands under `default`."""
    lines = []
    for name, body in locked.get("default", {}).items():
        extras = f"[{','.join(body['extras'])}]" if body.get("extras") else ""
        marker = f"; {body['markers']}" if body.get("markers") else ""
        if "path" in body:
            continue  # the app itself, or a folder of it: it is there
        direct = body.get("file") or (_git(body["git"], body.get("ref", "")) if "git" in body else "")
        lines.append(f"{name}{extras} @ {direct}{' ' + marker if marker else ''}" if direct else
                     f"{name}{extras}{body.get('version', '')}{marker}")  # fmt: skip
    return lines


def uv(locked: Mapping[str, Any]) -> list[str]:
    """Of uv.lock, from the project in this folder."""
    listed = locked.get("package", [])
    versions: dict[str, list[str]] = {}
    for body in listed:
        versions.setdefault(body["name"], []).append(str(body.get("version", "")))

    def need(body: Mapping[str, Any]) -> Need:
        version = str(body.get("version") or versions.get(body["name"], [""])[0])
        return Need(f"{body['name']} {version}", str(body.get("marker", "")), tuple(body.get("extra", ())))

    made = {
        f"{body['name']} {body.get('version', '')}": Locked(
            _uv_line(body), [need(entry) for entry in body.get("dependencies", ())],
            {extra: list(map(need, entries)) for extra, entries in body.get("optional-dependencies", {}).items()},
        )
        for body in listed
    }  # fmt: skip
    roots = [key for key, package in made.items() if not package.line]
    return _followed(made, [Need(key) for key in roots])


def _uv_line(body: Mapping[str, Any]) -> str:
    source = body.get("source", {})
    if {"virtual", "editable", "directory"} & set(source):
        return ""
    if "git" in source:
        address, _, commit = str(source["git"]).partition("#")
        return f"{body['name']} @ {_git(address.partition('?')[0], commit)}"
    return f"{body['name']} @ {source['url']}" if "url" in source else f"{body['name']}=={body['version']}"


def poetry(locked: Mapping[str, Any], project: Mapping[str, Any]) -> list[str]:
    """Of poetry.lock, from the dependencies of pyproject.toml."""
    made = {_plain(body["name"]): _poetry_package(body) for body in locked.get("package", [])}
    asked = project.get("tool", {}).get("poetry", {}).get("dependencies", {})
    wanted = [need for name, spec in asked.items() if name != "python" for need in _poetry_needs(name, spec)]
    names = (
        re.match(r"[\w.-]+(?:\[([\w.,\s-]*)\])?", line) for line in project.get("project", {}).get("dependencies", ())
    )
    wanted += [Need(_plain(match[0].partition("[")[0]), "", words(match[1])) for match in names if match]
    return _followed(made, wanted)


def _poetry_package(body: Mapping[str, Any]) -> Locked:
    name, source = body["name"], body.get("source", {})
    line = {
        "git": f"{name} @ {_git(source.get('url', ''), source.get('resolved_reference', ''))}",
        "url": f"{name} @ {source.get('url', '')}", "directory": "", "file": "",
    }.get(source.get("type", ""), f"{name}=={body['version']}")  # fmt: skip
    needs = [need for other, spec in body.get("dependencies", {}).items() for need in _poetry_needs(other, spec)]
    extras = {
        extra: [Need(_plain(re.split(r"[\s(\[;<>=!~]", requirement)[0])) for requirement in texts]
        for extra, texts in body.get("extras", {}).items()
    }
    return Locked(line, needs, extras)


def _poetry_needs(name: str, spec: Any) -> list[Need]:
    """Those that are optional come with the extra that names them."""
    entries = spec if isinstance(spec, list) else [spec]
    bodies = [{"version": entry} if isinstance(entry, str) else entry for entry in entries]
    return [
        Need(_plain(name), str(body.get("markers", "")), tuple(body.get("extras", ())))
        for body in bodies if not body.get("optional")
    ]  # fmt: skip


def _followed(made: Mapping[str, Locked], wanted: Iterable[Need]) -> list[str]:
    """All packages that the roots need, directly or through others, each with its environment markers."""
    when: dict[str, set[Marks]] = {}
    visited: set[tuple[str, tuple[str, ...], Marks]] = set()
    left = [(need, Marks()) for need in wanted]
    while left:
        need, before = left.pop()
        marks = before | ({need.marker} if need.marker else set())
        if need.key not in made or (need.key, need.extras, marks) in visited:
            continue
        visited.add((need.key, need.extras, marks))
        when.setdefault(need.key, set()).add(marks)
        left += [(other, marks) for other in made[need.key].asks(need.extras)]
    return sorted(_marked(made[key].line, marks_of_need) for key, marks_of_need in when.items() if made[key].line)


def _marked(line: str, when: set[Marks]) -> str:
    if Marks() in when:
        return line
    ways = [" and ".join(f"({mark})" for mark in sorted(marks)) for marks in when]
    return f"{line} ; {' or '.join(sorted(ways))}"


def _git(address: str, commit: str) -> str:
    return f"git+{address.removeprefix('git+')}{f'@{commit}' if commit else ''}"


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def words(text: str | None) -> tuple[str, ...]:
    return tuple(word.strip() for word in (text or "").split(",") if word.strip())
