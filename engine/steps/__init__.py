"""Step kinds: a folder each, with `kind.py`, `words.yaml` (its words per persona) and `page.md` (its documentation).

A folder here is found by itself: adding a kind touches one place. Kinds know nothing of one another; what several
need stands in `base` or in a module here whose name says what it is about. Kinds describe, targets perform.
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from pathlib import Path

from engine.steps.base import StepKind

FOLDER = Path(__file__).parent


@cache
def registry() -> dict[str, StepKind]:
    """Every step kind by name."""
    found: dict[str, StepKind] = {}
    for module in pkgutil.iter_modules([str(FOLDER)]):
        if module.ispkg:
            kind: StepKind = importlib.import_module(f"engine.steps.{module.name}.kind").KIND
            found[kind.name] = kind
    return found
