"""Reads the YAML that people write: YAML 1.2's few scalar types, no duplicate keys, and where each thing stands.

Pure. PyYAML alone reads `on` as true and `12:30` as 750, and keeps the last of two equal keys.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import yaml

Place = tuple[str | int, ...]  # ("flow", 2, "uses")


@dataclass(frozen=True)
class Problem:
    """One thing wrong with a text. Lines and columns count from 1; 0 when the text was not given as YAML."""

    message: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"line {self.line}, column {self.column}: {self.message}" if self.line else self.message


class YamlError(ValueError):
    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


class _Loader(yaml.SafeLoader):
    """SafeLoader with only YAML 1.2's core scalars, so that on, no, 12:30 and 2026-01-01 stay text."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}


for _tag, _pattern, _first in (
    ("bool", r"^(?:true|false)$", "tf"),
    ("null", r"^(?:null|~|)$", ["n", "~", ""]),
    ("int", r"^[-+]?[0-9]+$", "-+0123456789"),
    ("float", r"^[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+|[0-9]+)(?:[eE][-+]?[0-9]+)?$", "-+.0123456789"),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(_pattern), list(_first))


def read(text: str) -> tuple[Any, dict[Place, tuple[int, int]]]:
    """The document and where each value or key stands, as (line, column) from 1. Raises YamlError."""
    try:
        root = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
        raise YamlError([Problem(f"this is not YAML: {error.problem}", line, column)]) from error
    except yaml.YAMLError as error:
        raise YamlError([Problem(f"this is not YAML: {error}")]) from error
    places: dict[Place, tuple[int, int]] = {}
    problems: list[Problem] = []
    value = _plain(root, (), places, problems, frozenset()) if root is not None else None
    if problems:
        raise YamlError(problems)
    return value, places


def _plain(
    node: yaml.Node, place: Place, places: dict[Place, tuple[int, int]], problems: list[Problem], above: frozenset[int]
) -> Any:
    here = (node.start_mark.line + 1, node.start_mark.column + 1)
    places.setdefault(place, here)
    if id(node) in above or len(place) > 200:
        problems.append(Problem("an alias points at itself, or this is nested too deep", *here))
        return None
    above |= {id(node)}
    if isinstance(node, yaml.MappingNode):
        values: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = str(key_node.value)
            at = (key_node.start_mark.line + 1, key_node.start_mark.column + 1)
            if key in values:
                problems.append(Problem(f"“{key}” is used twice in the same place; keep one", *at))
            places[(*place, key)] = at
            values[key] = _plain(value_node, (*place, key), places, problems, above)
        return values
    if isinstance(node, yaml.SequenceNode):
        return [_plain(item, (*place, i), places, problems, above) for i, item in enumerate(node.value)]
    return _scalar(node)


def _scalar(node: Any) -> Any:
    kind = node.tag.rsplit(":", 1)[-1]
    if kind == "bool":
        return node.value == "true"
    if kind == "int":
        return int(node.value)
    if kind == "float":
        return float(node.value)
    return None if kind == "null" else str(node.value)


def write(document: Any) -> str:
    """YAML that `read` reads back equal."""
    return yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)


class _Dumper(yaml.SafeDumper):
    """Quotes what YAML 1.1 readers would misread, and keeps short steps on one line out of it: plain block style."""

    def ignore_aliases(self, data: Any) -> bool:
        return True
