"""Outputs: small ones in the row, large ones as files that read back as values, huge ones a failure in words."""

from __future__ import annotations

import pytest

from engine.models import Artefact
from engine.runs import outputs
from tests.engine.conftest import Runner

pytestmark = pytest.mark.django_db

READ = """
- {id: big, uses: test.probe, with: {value: "${{ inputs.text }}"}}
- {id: read, uses: test.probe, with: {value: "${{ size(steps.big.outputs.value) }}"}}
"""


def test_a_large_output_becomes_a_file_and_reads_back_whole(run_flow: Runner) -> None:
    text = "x" * (outputs.IN_THE_ROW + 1)
    run = run_flow(READ, inputs="text: {type: text}", text=text)
    assert run.steps.get(leaf="read").outputs["value"] == len(text), run.reason
    stored = run.steps.get(leaf="big").outputs["value"]
    assert stored[outputs.MARK]["sha256"] == Artefact.objects.get().sha256
    assert outputs.load({"value": stored}) == {"value": text}


def test_a_huge_output_fails_the_step_and_says_what_to_do(run_flow: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outputs, "LARGEST_OUTPUT", outputs.IN_THE_ROW)
    run = run_flow(READ, inputs="text: {type: text}", text="x" * (outputs.IN_THE_ROW + 1))
    assert run.state == "failed"
    assert "is the most. Put it into a file." in run.reason
