"""Expressions that have no answer: said with the template where that can be known, else by the step that asks."""

from __future__ import annotations

import pytest

from engine.definition.document import TemplateError
from engine.models import StepRun
from engine.outcomes import Succeeded
from engine.statuses import RunState
from engine.steps import catalogue
from tests.engine import kinds
from tests.engine.conftest import Runner, document

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("flow", "said"),
    [
        ('- {id: a, uses: test.probe, with: {value: "${{ 1 / 0 }}"}}', "“1 / 0” has no answer"),
        ('- {id: a, uses: test.probe, when: "${{ 3 % 0 == 1 }}"}', "has no answer"),
        ('- {id: a, uses: test.probe, with: {value: "${{ steps.b.outputs.value }}"}}', "there is no step “b”"),
        (
            '- {id: a, uses: test.probe}\n- {id: b, uses: test.probe, with: {value: "${{ steps.a.outputs.colour }}"}}',
            "a has no output “colour”; it has value, number",
        ),
    ],
    ids=["divides by zero", "rest by zero", "unknown step", "unknown output"],
)
def test_what_can_be_known_is_said_with_the_template(flow: str, said: str) -> None:
    with pytest.raises(TemplateError, match=said) as refused:
        catalogue.from_yaml(document(flow))
    assert refused.value.problems[0].line


def test_a_division_by_what_turns_out_to_be_zero_fails_the_step_in_words(run_flow: Runner) -> None:
    flow = '- {id: a, uses: test.probe, with: {value: "${{ 1 / inputs.n }}"}}'
    run = run_flow(flow, inputs="n: {type: integer}", n=0)
    assert run.state == RunState.FAILED
    assert run.reason.startswith("a: “1 / inputs.n” has no answer: ")
    assert not run.live_steps().exists()


def test_an_output_that_turns_out_not_to_be_there_skips_the_step_and_says_so(run_flow: Runner) -> None:
    flow = """
    - {id: a, uses: test.probe, with: {value: {there: 1}}}
    - {id: b, uses: http.check, with: {url: "${{ steps.a.outputs.value.elsewhere }}"}}
    """
    run = run_flow(flow)
    step = run.steps.get(leaf="b")
    assert (step.state, run.state) == ("skipped", RunState.SUCCEEDED)
    assert step.reason == "needs an url, which was not given"


def test_an_outcome_that_no_database_takes_fails_its_step_rather_than_coming_back_for_ever(
    run_flow: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kinds.Probe, "run", lambda self, step: Succeeded({}, "fine"))
    monkeypatch.setattr("engine.workers.executor._typed", lambda kind, step, outcome: Succeeded({"value": {1, 2}}))
    run = run_flow("- {id: a, uses: test.probe}")
    assert run.state == RunState.FAILED
    assert "Something in Desirepath itself failed: TypeError" in run.reason
    assert StepRun.objects.get(purpose="leaf").claim == 1
