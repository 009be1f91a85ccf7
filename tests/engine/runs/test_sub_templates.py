"""A template in another: its inputs are what it is given, its ids stay its own, and it is pinned when it is stored."""

from __future__ import annotations

import pytest

from engine.actions import plan_run
from engine.actions.start_run import StartRun
from engine.definition.document import TemplateError
from engine.models import Run, Target, Template
from engine.models.template import lookup
from engine.runs import transitions
from engine.statuses import RunState
from engine.steps import catalogue
from engine.workers import executor
from people.models import Persona, Team, User
from tests.engine.conftest import states

pytestmark = pytest.mark.django_db

CHECKED = """
desirepath: 1
template: checked
persona: ml-engineer
inputs: {{size: {{type: number}}, label: {{type: text, default: plain}}}}
flow:
  - {{id: look, uses: test.probe, with: {{value: "${{{{ inputs.size * {factor} }}}}"}}}}
  - {{id: again, uses: test.probe, with: {{value: "${{{{ steps.look.outputs.value }}}}"}}}}
outputs: {{size: "${{{{ steps.again.outputs.value }}}}", label: "${{{{ inputs.label }}}}"}}
"""
OUTER = """
desirepath: 1
template: outer
persona: ml-engineer
inputs: {n: {type: number}}
flow:
  - {id: look, uses: test.probe, with: {value: "${{ inputs.n }}"}}
  - {id: first, title: Check it, template: checked, with: {size: "${{ steps.look.outputs.value }}"}}
  - {id: second, template: checked, with: {size: "${{ steps.first.outputs.size }}", label: other}}
  - {id: last, uses: test.probe, with: {value: "${{ steps.second.outputs.label + string(steps.second.outputs.size) }}"}}
"""


USE = "{id: x, template: checked, with: {size: 1}}"


def keep(text: str, user: User, *, publish: bool = True) -> None:
    revision = Template.objects.keep(catalogue.from_yaml(text, lookup), user)
    if publish:
        revision.publish(user)


def started(user: User, team: Team, **inputs: object) -> Run:
    target, _ = Target.objects.get_or_create(team=team, name="dummy", kind="dummy")
    revision = Template.objects.get(name="outer").latest
    return transitions.start(Run(revision=revision, team=team, target=target, inputs=inputs, started_by=user))


@pytest.fixture
def outer(alice: User, persona: Persona) -> None:
    keep(CHECKED.format(factor="2.0"), alice)
    keep(OUTER, alice)


def test_it_runs_in_its_place_with_names_of_its_own(outer: None, alice: User, team: Team) -> None:
    run = started(alice, team, n=3)
    executor.drain()
    run.refresh_from_db()
    assert run.state == RunState.SUCCEEDED, run.reason
    assert list(states(run)) == ["look", "first.look", "first.again", "second.look", "second.again", "last"]
    assert run.steps.get(leaf="second.look").outputs["value"] == 12
    assert run.steps.get(leaf="last").outputs["value"] == "other12.0"


def test_a_later_revision_changes_nothing_in_who_uses_it(outer: None, alice: User, team: Team) -> None:
    run = started(alice, team, n=3)
    keep(CHECKED.format(factor="100.0"), alice)
    executor.drain()
    run.refresh_from_db()
    assert run.steps.get(leaf="second.look").outputs["value"] == 12
    later = started(alice, team, n=3)
    executor.drain()
    assert later.steps.get(leaf="second.look").outputs["value"] == 12  # the outer one is pinned as it was stored


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ("{id: x, template: nowhere}", "there is no published template “nowhere”"),
        ("{id: x, template: checked}", "checked needs “size”"),
        ("{id: x, template: checked, with: {size: 1, colour: red}}", "checked has no input “colour”"),
        (USE + ", {id: y, uses: test.probe, with: {value: '${{ steps.x.outputs.no }}'}}", "x has no output “no”"),
    ],
)  # fmt: skip
def test_it_says_what_is_wrong_with_the_use(outer: None, alice: User, block: str, message: str) -> None:
    with pytest.raises(TemplateError, match=message):
        catalogue.from_yaml(f"desirepath: 1\ntemplate: user\nflow: [{block}]\n", lookup)


def test_without_a_server_it_says_where_it_is_checked() -> None:
    with pytest.raises(TemplateError, match="checked by the server"):
        catalogue.from_yaml("desirepath: 1\ntemplate: user\nflow: [{id: x, template: checked}]\n")


def test_templates_do_not_stand_in_one_another_without_end(alice: User, persona: Persona) -> None:
    keep("desirepath: 1\ntemplate: t0\npersona: ml-engineer\nflow: [{id: s, uses: test.probe}]\n", alice)
    for n in range(1, 5):
        keep(f"desirepath: 1\ntemplate: t{n}\npersona: ml-engineer\nflow: [{{id: s, template: t{n - 1}}}]\n", alice)
    with pytest.raises(TemplateError, match="more than 5 deep"):
        catalogue.from_yaml("desirepath: 1\ntemplate: t9\nflow: [{id: s, template: t4}]\n", lookup)


def test_a_plan_looks_into_it_with_the_inputs_it_is_given(alice: User, team: Team, persona: Persona) -> None:
    inner = (
        "desirepath: 1\ntemplate: inner\npersona: ml-engineer\ninputs: {word: {type: text}}\n"
        "flow: [{id: say, title: Say it, uses: command.run, with: {command: '${{ inputs.word }}'}}]\n"
    )
    keep(inner, alice)
    outer = (
        "desirepath: 1\ntemplate: outer\npersona: ml-engineer\ninputs: {word: {type: text}}\n"
        "flow: [{id: x, template: inner, with: {word: 'not ${{ inputs.word }}'}}]\n"
    )
    keep(outer, alice)
    Target.objects.create(team=team, name="dummy", kind="dummy")
    (line,) = plan_run.plan(StartRun(Template.objects.get(name="outer").latest, team, alice, {"word": "yes"}))
    assert (line.step, line.what) == ("Say it", "not yes")
