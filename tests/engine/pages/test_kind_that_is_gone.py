"""A stored revision outlives its step kinds: it is still read, shown and compared, and cannot be started."""

from __future__ import annotations

import pytest
from django.test import Client

from engine.actions.start_run import Refused, StartRun
from engine.definition.document import template_of
from engine.models import Deployment, Revision, Run
from engine.models.template import _parsed
from engine.statuses import RunState
from engine.steps import registry
from tests.engine import kinds
from tests.running import Begin, drained

GONE = "This step&#x27;s kind is no longer here"
TWO = """
- {id: hand, title: Do it by hand, uses: manual}
- {id: shell, title: Run it, uses: command.run, with: {command: "true"}}
"""


TWO_STEPS = [{"id": "hand", "uses": "manual"}, {"id": "after", "uses": "manual"}]


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> object:
    """Takes step kinds away, as a newer version of Desirepath would."""

    def take(*names: str) -> None:
        kinds.hand_in({name: kind for name, kind in registry().items() if name not in names}, monkeypatch)
        _parsed.cache_clear()

    return take


def test_its_pages_answer_and_say_so(as_bob: Client, live: Deployment, revision: Revision, without) -> None:
    run = live.runs.get()
    without("command.run", "approve", "manual")
    for page in (f"/runs/{run.pk}/", f"/runs/{run.pk}/steps/", "/runs/", "/templates/", "/live/", "/", "/waiting/"):
        assert as_bob.get(page).status_code == 200, page
    assert as_bob.get(f"/live/retention/dummy/{live.name}/").status_code == 200
    assert GONE in as_bob.get("/templates/ship-it/").content.decode()
    for step in run.steps.all():
        assert as_bob.get(f"/runs/{run.pk}/steps/{step.pk}/").status_code == 200
    for journey in ("/journeys/ship/?map=ideal", "/journeys/ship/compare/"):
        assert as_bob.get(journey).status_code == 200


def test_its_start_page_answers_and_starting_it_is_refused_by_name(
    as_bob: Client, begin: Begin, alice, without
) -> None:
    run = begin(TWO)
    without("command.run")
    assert as_bob.get("/templates/probe/start/").status_code == 200
    with pytest.raises(Refused, match=r"cannot be run any more: “command\.run” is not a step kind"):
        StartRun(run.revision, run.team, alice).execute()


def test_a_run_that_comes_to_it_fails_with_a_sentence(begin: Begin, alice, without) -> None:
    run = begin(TWO)
    without("command.run")
    run.waiting_steps().get().confirm(alice)
    run = drained(run)
    assert run.state == RunState.FAILED
    assert "Run it uses “command.run”. This step's kind is no longer here." in run.steps.get(leaf="shell").reason


def test_it_is_compared_with_a_newer_one(as_bob: Client, begin: Begin, without) -> None:
    before, after = begin(TWO), begin(TWO.replace('"true"', '"false"'))
    without("command.run")
    page = as_bob.get(f"/runs/{after.pk}/compare/{before.pk}/").content.decode()
    assert "setting command" in page


def test_a_setting_or_an_output_that_a_kind_no_longer_has_is_no_reason_not_to_read_it(begin: Begin) -> None:
    document = begin(TWO).revision.document
    document["flow"][1]["with"]["colour"] = "red"
    document["flow"].append({"id": "then", "uses": "manual", "when": "steps.shell.outputs.gone == 1"})
    document["flow"][0]["a key of a later version"] = True
    assert [leaf.id for leaf in template_of(document).flow.leaves()] == ["hand", "shell", "then"]


def test_a_setting_that_is_gone_is_named_when_the_step_runs(begin: Begin, alice) -> None:
    run: Run = begin(TWO)
    Revision.objects.filter(pk=run.revision_id).update(
        document={**run.revision.document, "flow": [
            run.revision.document["flow"][0],
            {"id": "shell", "uses": "command.run", "with": {"command": "true", "colour": "${{ 1 }}"}},
        ]},
    )  # fmt: skip
    _parsed.cache_clear()
    run.waiting_steps().get().confirm(alice)
    assert "command.run has no setting “colour”" in drained(run).steps.get(leaf="shell").reason


def test_a_template_whose_sub_template_is_gone_is_shown_and_not_started(as_bob: Client, begin: Begin, alice) -> None:
    """Its steps, and the approvals among them, must not be passed over."""
    run = begin(TWO)
    document = {**run.revision.document, "flow": [{"id": "gate", "template": "gone", "digest": "ab"}, *TWO_STEPS]}
    Revision.objects.filter(pk=run.revision_id).update(document=document)
    _parsed.cache_clear()
    assert as_bob.get("/templates/probe/").status_code == 200
    with pytest.raises(Refused, match="the template gone used at “gate” is gone"):
        StartRun(run.revision, run.team, alice).execute()
