"""The rows that a run's steps make, one transaction at a time, are those that all rows together ask for."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine import advance, template, worker
from engine.flow import (
    Branch,
    Choose,
    Flow,
    Leaf,
    Node,
    Parallel,
    Repeat,
    Sequence,
    from_document,
    read_path,
    to_document,
)
from engine.models import Block, Event, Run, StepRun, Target, Template
from engine.plan import due
from engine.statuses import LIVE_STEPS, RunState, StepState
from people.models import Team, User
from tests.engine import kinds

pytestmark = pytest.mark.django_db(transaction=False)


@st.composite
def trees(draw: st.DrawFn, depth: int = 2) -> Node:
    """A random flow whose choices and repeats are decided by the test, as a person would."""
    kind = draw(st.sampled_from(["leaf", "sequence", "parallel", "choose", "repeat"])) if depth else "leaf"
    if kind == "leaf":
        return Leaf(id="x", uses="test.probe")
    inner = trees(depth=depth - 1)
    if kind == "sequence":
        return Sequence(tuple(draw(st.lists(inner, min_size=0, max_size=3))))
    if kind == "parallel":
        return Parallel(tuple(draw(st.lists(inner, min_size=2, max_size=3))))
    if kind == "choose":
        nodes = draw(st.lists(inner, min_size=1, max_size=3))
        return Choose(tuple(Branch(node, label=f"b{i}") for i, node in enumerate(nodes)), ask="person")
    return Repeat(draw(inner), draw(inner), at_most=3, ask="person")


def named(node: Node, count: list[int]) -> Node:
    """The same tree with an id of its own for each leaf."""
    match node:
        case Leaf():
            count[0] += 1
            return Leaf(id=f"s{count[0]}", uses="test.probe")
        case Sequence(children=nodes):
            return Sequence(tuple(named(child, count) for child in nodes))
        case Parallel(branches=branches):
            return Parallel(tuple(named(branch, count) for branch in branches))
        case Choose():
            return Choose(tuple(Branch(named(b.flow, count), label=b.label) for b in node.branches), node.ask)
        case Repeat():
            return Repeat(named(node.flow, count), named(node.again, count), node.at_most, ask=node.ask)


flows = trees().map(lambda node: named(Sequence((Leaf(id="x"), node)), [0]))


@given(flows)
def test_the_document_form_reads_back_equal(node: Node) -> None:
    document = to_document(node)
    again = from_document(document)
    assert to_document(again) == to_document(from_document(to_document(again)))
    assert [leaf.id for leaf in Flow(again).leaves()] == [leaf.id for leaf in Flow(node).leaves()]


@pytest.fixture
def world(team: Team, alice: User) -> tuple[Team, User, Target]:
    return team, alice, Target.objects.create(team=team, name="dummy", kind="dummy")


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(node=flows, seed=st.integers(0, 2**32))
def test_every_run_ends_and_at_each_step_exactly_what_is_due_is_open(
    world: tuple[Team, User, Target], node: Node, seed: int
) -> None:
    kinds.install()
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
    checked = template.compose("probe", "", "probe", {}, node)
    revision = Template.objects.keep(checked, alice)
    return advance.start(Run(revision=revision, team=team, target=target, started_by=alice))


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
    held = worker.claim("worker", limit=chance.randint(1, 3))
    for step in held:
        if chance.random() < 0.2:  # killed: its lease runs out and somebody else takes the step
            StepRun.objects.filter(pk=step.pk).update(lease_until="2020-01-01T00:00:00Z")
        else:
            worker.execute(step)
            assert not worker.execute(step)  # delivered twice: the second changes nothing


def _compare_with_the_oracle(run: Run) -> None:
    ended: dict[Any, Any] = {}
    for row in run.steps.filter(state=StepState.SUCCEEDED):
        ended[read_path(row.path), read_path(row.iteration)] = _decision(row)
    live = {(read_path(r.path), read_path(r.iteration)) for r in run.steps.filter(state__in=LIVE_STEPS)}
    assert live == due(run.flow, ended)


def _decision(row: StepRun) -> Any:
    if row.purpose != StepRun.Purpose.DECIDE:
        return None
    return row.outputs["branch"] if "branch" in row.outputs else row.outputs["again"]
