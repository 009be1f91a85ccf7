"""Resume: what it runs again, shown first; inputs corrected, and the difference recorded."""

from __future__ import annotations

import pytest

from engine.actions.resume import Resume, reset_set
from engine.actions.start_run import Refused
from engine.models import Run
from engine.runs import transitions
from engine.statuses import RunState
from engine.workers import executor
from tests.engine import kinds
from tests.engine.conftest import Runner, starter, states

pytestmark = pytest.mark.django_db

INPUTS = "n: {type: integer}\nother: {type: integer, optional: true}"
FLOW = """
- {id: before, uses: test.probe}
- {id: reads, uses: test.probe, with: {value: "${{ inputs.n }}"}}
- choose:
    - {when: "steps.reads.outputs.number > 5.0", flow: [{id: high, uses: test.probe}]}
    - {otherwise: true, flow: [{id: low, uses: test.probe}]}
- {id: last, uses: test.probe}
"""


def drained(run: Run) -> Run:
    executor.drain()
    return Run.objects.get(pk=run.pk)


def test_readers_of_a_corrected_input_run_again_with_all_that_follows_them(run_flow: Runner) -> None:
    kinds.FAILING["last"] = 1
    run = run_flow(FLOW, inputs=INPUTS, n=1)
    assert run.state == RunState.FAILED
    assert states(run) == {"before": "succeeded", "reads": "succeeded", "low": "succeeded", "last": "failed"}
    resume = Resume(run, run.started_by, {"n": 9})
    assert [step.leaf or step.purpose for step in resume.again()] == ["reads", "decide", "low", "last"]
    resume.execute()
    run = drained(run)
    assert run.state == RunState.SUCCEEDED, run.reason
    assert states(run) == {
        "before": "succeeded", "reads": "succeeded", "low": "cancelled", "high": "succeeded", "last": "succeeded"
    }  # fmt: skip
    assert kinds.DONE["before[]"] == 1
    assert run.events.get(kind="run.resumed").data["inputs"] == {"n": [1, 9]}
    assert run.inputs == {"n": 9}


def test_an_input_nobody_reads_resets_only_what_failed(run_flow: Runner) -> None:
    kinds.FAILING["last"] = 1
    run = run_flow(FLOW, inputs=INPUTS, n=1)
    assert [s.leaf for s in Resume(run, run.started_by, {"other": 3}).again()] == ["last"]


def test_a_correction_that_does_not_fit_is_refused_and_changes_nothing(run_flow: Runner) -> None:
    kinds.FAILING["last"] = 1
    run = run_flow(FLOW, inputs=INPUTS, n=1)
    with pytest.raises(Refused, match="'many' is not a integer"):
        Resume(run, run.started_by, {"n": "many"}).execute()
    assert Run.objects.get(pk=run.pk).state == RunState.FAILED


def test_it_goes_on_inside_loops_and_branches(run_flow: Runner) -> None:
    kinds.FAILING["work"] = 1
    flow = """
        - foreach:
            in: [1, 2, 3]
            max_parallel: 1
            flow:
              - repeat: {at_most: 2, ask: person, flow: [{id: work, uses: test.probe}]}
        - {id: last, uses: test.probe}
    """
    run = run_flow(flow)
    assert run.state == RunState.FAILED
    Resume(run, run.started_by).execute()
    for _ in range(3):
        run = drained(run)
        run.waiting_steps()[0].confirm(starter(run), {"choice": "enough"})
    run = drained(run)
    assert run.state == RunState.SUCCEEDED, run.reason
    assert kinds.DONE == {"work[1.1]": 1, "work[2.1]": 1, "work[3.1]": 1, "last[]": 1}


def test_a_parallel_sibling_that_was_done_is_kept(run_flow: Runner) -> None:
    kinds.FAILING["bad"] = 1
    run = run_flow(
        "[{parallel: [[{id: good, uses: test.probe}], [{id: bad, uses: test.probe}]]}, {id: z, uses: test.probe}]"
    )
    assert [s.leaf for s in reset_set(run)] == ["bad"]
    Resume(run, run.started_by).execute()
    assert drained(run).state == RunState.SUCCEEDED
    assert kinds.DONE["good[]"] == 1


def test_repair_stores_again_what_a_run_has_lost(run_flow: Runner) -> None:
    run = run_flow("[{id: a, uses: test.probe}, {id: ask, uses: manual}, {id: b, uses: test.probe}]")
    run.steps.filter(leaf="ask").delete()
    assert drained(run).state == RunState.RUNNING  # nothing is due, so it would stand for ever
    transitions.repair(run)
    drained(run)
    run.steps.get(leaf="ask").confirm(starter(run))
    assert drained(run).state == RunState.SUCCEEDED
    assert kinds.DONE == {"a[]": 1, "b[]": 1}
