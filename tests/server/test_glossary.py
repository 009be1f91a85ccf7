"""The glossary names every model, state and step kind, and fits on a page."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.apps import apps

from engine.statuses import CriterionState, DeploymentState, RunState, StepState
from engine.steps import FOLDER
from engine.steps.base import StepKind

GLOSSARY = (Path(__file__).resolve().parents[2] / "docs" / "glossary.md").read_text()
ROOMS = ("people", "research", "engine", "journeys")
MODELS = sorted({model.__name__ for room in ROOMS for model in apps.get_app_config(room).get_models()})
AS_WORDS = {"PersonaChampion": "Champion"}


def kinds() -> list[str]:
    import importlib

    folders = sorted(path.parent.name for path in FOLDER.glob("*/kind.py"))
    found: list[StepKind] = [importlib.import_module(f"engine.steps.{name}.kind").KIND for name in folders]
    return [kind.name for kind in found]


@pytest.mark.parametrize("name", MODELS)
def test_every_model_is_in_it(name: str) -> None:
    assert re.search(rf"\*\*{AS_WORDS.get(name, name)}\*\*", GLOSSARY)


@pytest.mark.parametrize(
    ("noun", "states"),
    [("run", RunState), ("step", StepState), ("deployment", DeploymentState), ("criterion", CriterionState)],
)
def test_every_state_is_in_it_and_no_other(noun: str, states: type[RunState]) -> None:
    row = re.search(rf"\| of a {noun} \| (.*) \|", GLOSSARY)
    assert row
    assert row[1].split(", ") == states.values


def test_every_step_kind_is_in_it_and_no_other() -> None:
    named = re.findall(r"`([a-z]+(?:\.[a-z_]+)?)`", GLOSSARY.partition("## Step kinds")[2])
    assert sorted(named) == sorted(kinds())


def test_it_is_one_page() -> None:
    assert len(GLOSSARY.splitlines()) <= 90
