"""Step kinds: a folder each, with `kind.py`, `words.yaml` (its words per persona) and `page.md` (its documentation).

A folder here is found by itself; its test and its name in the glossary are all else that a kind needs. Kinds know
nothing of one another; what several need stands in `base` or in a module here whose name says what it is about.
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from pathlib import Path

from engine.steps.base import StepKind

FOLDER = Path(__file__).parent


def registry() -> dict[str, StepKind]:
    """Every step kind by name."""
    return shipped()


@cache
def shipped() -> dict[str, StepKind]:
    """The kinds in this folder. Tests put others in this function's place (tests/engine/kinds.py)."""
    folders = [module.name for module in pkgutil.iter_modules([str(FOLDER)]) if module.ispkg]
    kinds: list[StepKind] = [importlib.import_module(f"engine.steps.{name}.kind").KIND for name in folders]
    return {kind.name: kind for kind in kinds}
