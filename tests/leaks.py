"""Words that somebody has no use for: those of what it runs on, and those that are another persona's own."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from html.parser import HTMLParser
from pathlib import Path

from people.models.persona import pack, shipped

# What it runs on: nobody who ships has to know these.
PLATFORM = (
    "pod", "manifest", "namespace", "container", "kubernetes", "kubectl", "helm", "ingress", "replica", "replica set",
    "replicaset", "deployment object", "workload", "sidecar", "daemonset", "configmap", "supervisord", "supervisor",
    "celery", "broker", "systemd",
)  # fmt: skip
VOID = {"br", "hr", "img", "input", "link", "meta", "source", "wbr"}
READ_ALOUD = ("aria-label", "title", "placeholder", "alt", "value", "data-label")


@cache
def _pattern(words: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{'|'.join(re.escape(word) for word in words)})s?\b", re.IGNORECASE)


def of_others(persona: str) -> tuple[str, ...]:
    """The own words of every other persona that this one does not have too."""
    mine = set(pack(persona).get("own", [])) if persona in shipped() else set()
    return tuple(word for slug in shipped() if slug != persona for word in pack(slug)["own"] if word not in mine)


def of_anybody(text: str) -> list[str]:
    """Each word of the platform, or of one persona alone, in what everybody reads."""
    pattern = _pattern((*PLATFORM, *(word for slug in shipped() for word in pack(slug)["own"])))
    return [f"…{text[max(0, m.start() - 40) : m.end() + 40].strip()}…" for m in pattern.finditer(text)]


def leaks(text: str, persona: str) -> list[str]:
    """Each word in a text that somebody of this persona should not have to read, with what stands around it."""
    pattern = _pattern((*PLATFORM, *of_others(persona)))
    return [f"…{text[max(0, m.start() - 40) : m.end() + 40].strip()}…" for m in pattern.finditer(text)]


def visible(page: str) -> str:
    """What a page says to its reader: its text and what is read aloud of it.

    What another persona wrote, and is shown as theirs, stands under `data-theirs` and is left out.
    """
    reader = Reader()
    reader.feed(page)
    return "\n".join(reader.said)


class Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []
        self.unseen = 0  # how many elements are open since one that is not read

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag in VOID:
            self._aloud(given)
        elif self.unseen or tag in ("script", "style") or "data-theirs" in given:
            self.unseen += 1
        else:
            self._aloud(given)

    def handle_endtag(self, tag: str) -> None:
        if self.unseen and tag not in VOID:
            self.unseen -= 1

    def handle_data(self, data: str) -> None:
        if not self.unseen and data.strip():
            self.said.append(data.strip())

    def _aloud(self, given: dict[str, str | None]) -> None:
        if not self.unseen and given.get("type") != "hidden":
            self.said += [value for name in READ_ALOUD if (value := given.get(name))]


def sentences(file: Path, *, but: tuple[str, ...] = ()) -> Iterator[str]:
    """What a program may say: its texts of several words, without docstrings, and without the functions in `but`."""
    tree = ast.parse(file.read_text())
    skipped = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name in but]
    silent = {id(inner) for node in skipped for inner in ast.walk(node)}
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and isinstance(body[0], ast.Expr):
            silent.add(id(body[0].value))
    for node in ast.walk(tree):
        said = node.value if isinstance(node, ast.Constant) and id(node) not in silent else None
        if isinstance(said, str) and re.search(r"[a-z] [a-z]", said):
            yield said
