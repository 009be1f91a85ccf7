"""What the documentation shows can be run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from engine.definition import retry, vocabulary
from engine.models.template import lookup
from engine.runs import outputs
from engine.steps import catalogue

DOCS = Path(__file__).resolve().parents[3] / "docs"
PAGE = (DOCS / "template.md").read_text()


@pytest.mark.parametrize("text", re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL))
def test_every_template_in_it_can_be_run(text: str) -> None:
    assert catalogue.from_yaml(text, lookup).flow.leaves()


def test_it_names_every_limit_class_and_figure() -> None:
    for word in (*vocabulary.LIMITS, *retry.CLASSES, "compensate", "mutex", "max_parallel", "on_deadline"):
        assert word in PAGE
    assert f"Up to {outputs.IN_THE_ROW >> 10} KB" in PAGE
    assert f"up to {outputs.LARGEST_OUTPUT >> 20} MB" in PAGE
