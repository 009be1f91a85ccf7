"""Every step kind has what a step kind must have; its folder, its test and the glossary are all it touches."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from engine.steps import FOLDER, registry
from engine.steps.base import PURPOSES, StepKind
from people.models.persona import PACKS
from tests.leaks import PLATFORM as WORDS

HERE = Path(__file__).parent
KINDS = sorted(path.name for path in FOLDER.iterdir() if (path / "__init__.py").exists())
PERSONAS = {file.stem for file in PACKS.glob("*.yaml")}
# Words of what it runs on: nobody who ships has to know them.
PLATFORM = re.compile(rf"\b(?:{'|'.join(WORDS)})s?\b", re.IGNORECASE)


@pytest.fixture(params=KINDS)
def folder(request: pytest.FixtureRequest) -> Path:
    return FOLDER / str(request.param)


@pytest.fixture
def kind(folder: Path) -> StepKind:
    return next(kind for kind in registry().values() if kind.folder == folder)


def test_there_are_kinds() -> None:
    assert len(KINDS) >= 15


def test_it_is_called_as_its_folder(folder: Path, kind: StepKind) -> None:
    assert kind.name.replace(".", "_") == folder.name
    assert registry()[kind.name] is kind


def test_it_has_words_for_each_persona_that_is_shipped(kind: StepKind) -> None:
    assert set(kind.words) == PERSONAS
    assert set(kind.words["plain"]) == {"title", "does", "purpose"}
    for persona, words in kind.words.items():
        assert persona == "plain" or set(words) <= {"title", "does"}


def test_it_says_what_it_is_for(kind: StepKind) -> None:
    assert kind.purpose in PURPOSES


def test_its_page_names_every_setting_and_every_output(kind: StepKind) -> None:
    page = kind.page
    assert page.startswith(f"# {kind.name}\n")
    assert f"uses: {kind.name}" in page
    named = set(re.findall(r"`([a-z_]+)`", page))
    assert set(kind.form.model_fields) <= named
    assert set(kind.outputs or {}) <= named


def test_each_setting_has_help(kind: StepKind) -> None:
    assert [name for name, field in kind.form.model_fields.items() if not field.description] == []


def test_it_has_a_test_file_of_its_name(folder: Path) -> None:
    assert (HERE / f"test_{folder.name}.py").is_file()


def test_no_word_of_the_platform_is_in_what_people_read(kind: StepKind) -> None:
    assert PLATFORM.findall(kind.page) == []
    assert PLATFORM.findall(str(kind.words)) == []
    helps = " ".join(field.description or "" for field in kind.form.model_fields.values())
    assert PLATFORM.findall(helps) == []


def test_kinds_know_nothing_of_one_another(folder: Path) -> None:
    source = (folder / "kind.py").read_text()
    named = re.findall(r"engine\.steps\.(\w+)", source)
    assert [name for name in named if (FOLDER / name).is_dir()] == []  # what kinds share is a module beside them
