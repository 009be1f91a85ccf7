"""What the documents show is there: commands parse, snippets run, files, addresses and headings exist.

The tutorials are run for real in tests/acceptance/test_tutorials.py; docs/template.md and docs/apps.md have tests of
their own (tests/engine/steps/test_docs_of_templates.py,
tests/engine/artefacts/test_docs_of_apps.py).
"""

from __future__ import annotations

import importlib.util
import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from desirepath.cli import app
from server.help.documents import DOCUMENTS
from tests.code_blocks import CHECKOUT, PAGES, Code, blocks

CODES = [
    pytest.param(document, code, id=f"{document.name}:{code.line}") for document in PAGES for code in blocks(document)
]
SHOWN = ("apps.md", "README.md", "engine-benchmark.md", "kills.md")  # that show files and figures
INLINE = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\]\(([^)\s]+)\)")
COMMANDS: Any = typer.main.get_command(app)
WORD = re.compile(r"[a-z][a-z-]*")
# One or several names, as in `config set|list|unset NAME`; the documents write what is to be replaced in capitals.
VERBS = re.compile(r"(?:[a-z-]+)(?:\|[a-z-]+)*")


def parsed(line: str) -> None:
    """Parse a command of ours as the terminal would, without running it."""
    words = shlex.split(line, comments=True)
    command, rest = COMMANDS, words
    while known := getattr(command, "commands", {}):
        assert rest, f"“{line}” ends in a group"
        assert rest[0] in known, f"“{line}”: there is no {rest[0]}"
        command, rest = known[rest[0]], rest[1:]
    if "--" in rest:
        rest = rest[: rest.index("--")]
    options = {name for parameter in command.params for name in parameter.opts}
    for word in rest:
        if word.startswith("--"):
            assert word.partition("=")[0] in options, f"“{line}”: no option {word}"


def ours(line: str) -> bool:
    return re.match(r"(\.venv/bin/)?desirepath\s", line) is not None


@pytest.mark.parametrize(("document", "code"), CODES)
def test_every_block_is_one_that_is_run_or_read(document: Path, code: Code) -> None:
    match code.language:
        case "sh":
            for line in code.text.splitlines():
                if ours(line):
                    parsed(re.sub(r"^(\.venv/bin/)?desirepath\s+", "", line).partition(" | ")[0])
                elif line.startswith("make "):
                    assert line.split()[1] in targets()
                elif found := re.match(r"\.venv/bin/python -m pytest (\S+)", line):
                    assert (CHECKOUT / found[1]).exists()
        case "python":
            compile(code.text, document.name, "exec")
        case "yaml":
            yaml.safe_load(code.text)
        case "json":
            json.loads(code.text)
        case "text" | "":
            assert (
                document.name in ("apps.md", "README.md", "engine-benchmark.md", "kills.md")
                or "tutorial" in document.name
            )
        case other:
            pytest.fail(f"nobody runs or reads {other}")


def targets() -> set[str]:
    return set(re.findall(r"(?m)^([a-z]+):", (CHECKOUT / "Makefile").read_text()))


@pytest.mark.parametrize("document", PAGES, ids=lambda document: document.name)
def test_every_command_that_is_named_is_there(document: Path) -> None:
    text = re.sub(r"^```.*?^```$", "", document.read_text(), flags=re.MULTILINE | re.DOTALL)
    for said in INLINE.findall(text):
        words = said.replace("\\|", "|").split()
        if words[0] == "desirepath" and len(words) > 1 and not words[1].startswith("-"):
            named(words[1:])
        elif words[0] == "make" and len(words) > 1:
            assert words[1] in targets(), said
        elif words[:2] == ["python", "-m"]:
            assert importlib.util.find_spec(words[2]), said


def named(words: list[str]) -> None:
    groups: list[Any] = [COMMANDS]
    for word in words:
        if not VERBS.fullmatch(word) or not all(hasattr(group, "commands") for group in groups):
            return
        names = [(group, name) for group in groups for name in word.split("|")]
        assert all(name in group.commands for group, name in names), f"there is no desirepath {' '.join(words)}"
        groups = [group.commands[name] for group, name in names]


def test_what_the_readme_lists_are_verbs() -> None:
    listed = re.search(
        r"`desirepath --help` lists the rest:(.*?)All but", (CHECKOUT / "README.md").read_text(), re.DOTALL
    )
    assert listed
    for said in INLINE.findall(listed[1].replace("\n", " ")):
        for one in said.split(", "):
            words = one.replace("…", "").rstrip("|").split()
            named(
                [words[0], words[1].rstrip("|")]
                if len(words) > 1 and VERBS.fullmatch(words[1].rstrip("|"))
                else words[:1]
            )


@pytest.mark.django_db
def test_the_snippets_of_debugging_run() -> None:
    snippets = [code.text for code in blocks(CHECKOUT / "docs" / "debugging.md") if code.language == "python"]
    assert snippets
    for text in snippets:
        exec(compile(text, "debugging.md", "exec"), {})


@pytest.mark.parametrize("document", PAGES, ids=lambda document: document.name)
def test_every_link_leads_somewhere(document: Path) -> None:
    for address in LINK.findall(document.read_text()):
        target, _, anchor = address.partition("#")
        if "://" in target:
            continue
        place = (document.parent / target).resolve() if target else document
        assert place.exists(), address
        if anchor:
            known = {one.path: one for one in DOCUMENTS.values()}
            assert anchor in {heading.anchor for heading in known[place].page.headings}, address


@pytest.mark.parametrize("document", PAGES, ids=lambda document: document.name)
def test_every_file_that_is_named_exists(document: Path) -> None:
    """A path in backticks that begins with one of our rooms; a name in capitals is one to be replaced."""
    rooms = ("lib", "people", "research", "engine", "journeys", "server", "desirepath", "tests", "docs", "examples")
    for said in INLINE.findall(document.read_text()):
        if said.split("/")[0] in rooms and "/" in said and not re.search(r"[A-Z*{ ]|server\.json", said):
            path = CHECKOUT / said.partition(":")[0]
            assert path.exists() or path.with_suffix(".py").exists(), said


def test_help_serves_every_page_of_docs() -> None:
    served = {one.path for one in DOCUMENTS.values()}
    assert set(PAGES) <= served
