"""One home for the terminal's verbs: a real server, engine and target, with the example's model to serve."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.homes import QUICK, Home, environments_folder, examples, home, seed

__all__ = ["environments_folder", "examples", "home", "seed"]


@pytest.fixture(scope="session")
def standing(seed: Path, environments_folder: Path) -> Iterator[Home]:
    made = Home(seed, environments_folder)
    try:
        made.up()
        made.sign_in()
        made.client().keep_template(QUICK)
        yield made
    finally:
        made.end()
