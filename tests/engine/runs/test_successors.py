"""The rows that a run's steps make, one transaction at a time, are those that all rows together ask for."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.definition.document import from_document, to_document
from engine.definition.flow import Choose, Flow, Foreach, Node, Repeat, read_path
from engine.models import Block, Event, Run, StepRun, Target, Template
from engine.queue.claims import claim
from engine.runs import transitions
from engine.runs.rebuild import decision_of, place_of
from engine.runs.successors import OpenBlock, Place, comes_after, due, expected
from engine.statuses import RunState, StepState
from engine.steps import catalogue
from engine.workers import executor
from people.models import Team, User
from tests.engine import kinds
from tests.engine.flows import MOST_ROUNDS, flows

pytestmark = pytest.mark.django_db(transaction=False)


@given(flows())
def test_the_document_form_reads_back_equal(node: Node) -> None:
    document = to_document(node)
    again = from_document(document)
    assert to_document(again) == to_document(from_document(to_document(again)))
    assert [leaf.id for leaf in Flow(again).leaves()] == [leaf.id for leaf in Flow(node).leaves()]


@pytest.fixture
def world(team: Team, alice: User) -> tuple[Team, User, Target]:
    return team, alice, Target.objects.create(team=team, name="dummy", kind="dummy")


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(node=flows(), seed=st.integers(0, 2**32))
def test_every_run_ends_and_at_each_step_exactly_what_is_due_is_open(
    world: tuple[Team, User, Target], node: Node, seed: int
) -> None:
    kinds.forget()
    Run.objects.all().delete()  # of the example before
    chance = random.Random(seed)
    run = _start(world, node)
    for _ in range(400):
        run.refresh_from_db()
        _compare_with_the_oracle(run)
        if run.ended:
            break
        _one_step(run, chance)
    assert run.state == RunState.SUCCEEDED
    ends = Event.objects.filter(run=run, kind="step.succeeded").values_list("step", flat=True)
    assert len(ends) == len(set(ends))
    assert not Block.objects.filter(run=run, closed_at=None).exists()


def _start(world: tuple[Team, User, Target], node: Node) -> Run:
    team, alice, target = world
    checked = catalogue.compose("probe", "", "probe", {}, node)
    revision = Template.objects.keep(checked, alice)
    return transitions.start(Run(revision=revision, team=team, target=target, started_by=alice))


def _one_step(run: Run, chance: random.Random) -> None:
    """Execute one open step at random, answer one question at random, or let a worker die with its claim."""
    asking = list(run.waiting_steps())
    if asking and chance.random() < 0.5:
        step = chance.choice(asking)
        assert step.asking
        choices = step.asking["needs"]["choices"]
        at_bound = "enough" in choices and step.iteration.split(".")[-1] == "3"
        assert run.started_by
        step.confirm(run.started_by, {"choice": "enough" if at_bound else chance.choice(choices)})
        return
    held = claim("worker", limit=chance.randint(1, 3))
    for step in held:
        if chance.random() < 0.2:  # killed: its lease runs out and somebody else takes the step
            StepRun.objects.filter(pk=step.pk).update(lease_until="2020-01-01T00:00:00Z")
        else:
            executor.execute(step)
            assert not executor.execute(step)  # delivered twice: the second changes nothing


def _compare_with_the_oracle(run: Run) -> None:
    rows = run.steps.filter(state=StepState.SUCCEEDED)
    ended = {place_of(row): decision_of(row) for row in rows}
    found = expected(run.flow, ended)
    assert {place_of(row) for row in run.live_steps()} == found.due
    open_blocks = {(read_path(b.path), read_path(b.iteration)): b for b in run.blocks.filter(closed_at=None)}
    said = {p: OpenBlock(b.open_children, b.round, b.total) for p, b in open_blocks.items()}
    assert said == found.blocks


@given(node=flows(), seed=st.integers(0, 2**32))
def test_what_comes_after_was_never_open_before(node: Node, seed: int) -> None:
    """`comes_after` against the oracle: what follows a place cannot have been reached while the place was not over."""
    chance, flow, ended = random.Random(seed), Flow(node), dict[Any, Any]()
    order: list[Place] = []
    while waiting := sorted(due(flow, ended)):
        place = chance.choice(waiting)
        for other in (*order, *waiting):
            assert not comes_after(flow, place, other)  # what is over or open already does not wait for this one
        ended[place] = _decided(flow, place, chance)
        order.append(place)


def _decided(flow: Flow, place: Place, chance: random.Random) -> Any:
    path, iteration = place
    match flow.at(path):
        case Choose(branches=branches):
            return chance.randrange(len(branches))
        case Repeat():
            return iteration[-1] < MOST_ROUNDS and chance.random() < 0.5
        case Foreach(items=items):
            return len(items)
        case _:
            return None
