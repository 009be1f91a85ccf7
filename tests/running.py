"""Runs in every state that a page has words for, on a target that only records."""

from __future__ import annotations

from textwrap import dedent, indent
from typing import Any

import pytest
from django.utils import timezone

from engine.models import Revision, Run, StepRun, Target, Template
from engine.models.template import lookup
from engine.queue import concurrency
from engine.runs import transitions
from engine.workers import executor
from people.models import Role, Team, User
from tests import documents

FIRST = """
- first:
    - {event: paid, flow: [{id: bill, title: Send the bill, uses: command.run, with: {command: "true"}}]}
    - {approve: {by: champion}, label: on trust, flow: [{id: trust, title: Trust them, uses: manual}]}
    - {after: 3600, label: an hour, flow: [{id: remind, title: Remind them, uses: manual}]}
"""
BLOCKS = """
- id: prepare
  title: Prepare the tables
  uses: command.run
  with: {command: "true"}
  compensate: {uses: command.run, with: {command: "true"}}
- foreach:
    in: "${{ inputs.tables }}"
    as: table
    max_parallel: 4
    flow:
      - {id: load, title: Load it, uses: command.run, with: {command: "true"}}
      - {id: look, title: Look at it, uses: manual}
- {id: ship, title: Preview and ask, template: preview}
"""
BLOCKS += FIRST.lstrip() + "- {id: last, title: Tidy up, uses: manual}\n"
PREVIEW = '- {id: show, title: Preview, uses: command.run, with: {command: "true"}}'
HAND = "- {id: hand, title: Do it by hand, uses: manual}"
EACH = """
- foreach:
    in: "${{ inputs.items }}"
    flow: [{id: one, title: Try one, uses: command.run, with: {command: "true"}}]
"""
QUORUM = """
- id: sure
  title: Are we sure
  uses: approve
  with: {by: [champion, team], quorum: 2, deadline: 3600, on_deadline: skip, second_person: true}
"""
MUTEX = "- {id: train, title: Train, uses: manual, mutex: gpu}"
INPUTS = "rows: {type: integer}\nnote: {type: text, optional: true}\ntable: {type: table, optional: true}"
UNDONE = """
- {id: a, title: Take it out, uses: manual, compensate: {uses: manual, with: {instructions: Put it in again}}}
- {id: b, title: Ask, uses: approve, with: {by: team}}
"""


def keep(flow: str, inputs: str = "", name: str = "probe") -> Revision:
    """A template around this flow, in the store."""
    text = f"desirepath: 1\ntemplate: {name}\npersona: ml-engineer\ntitle: {name.capitalize()} it\n"
    text += f"inputs:\n{indent(dedent(inputs), '  ')}\n" if inputs else ""
    return Template.objects.keep(documents.read(text + f"flow:\n{indent(dedent(flow), '  ')}\n", lookup), None)


class Begin:
    """`begin(flow)`: a run of it by Alice, executed as far as it goes."""

    def __init__(self, team: Team, target: Target, user: User) -> None:
        self.team, self.target, self.user = team, target, user

    def __call__(self, flow: str, inputs: str = "", *, drain: bool = True, name: str = "probe", **values: Any) -> Run:
        revision = keep(flow, inputs, name)
        run = Run(revision=revision, team=self.team, target=self.target, inputs=values, started_by=self.user)
        transitions.start(run)
        return drained(run) if drain else run


def drained(run: Run) -> Run:
    concurrency.limits.forget()
    executor.drain()
    return Run.objects.get(pk=run.pk)


@pytest.fixture
def begin(team: Team, dummy: Target, alice: User, ml: Any) -> Begin:
    concurrency.limits.forget()
    return Begin(team, dummy, alice)


@pytest.fixture
def blocks(begin: Begin, clara: User) -> Run:
    """Every block there is: 12 tables, of which the first are loaded and looked at."""
    keep(PREVIEW, name="preview").publish(clara)
    run = begin(BLOCKS, "tables: {type: json}", tables=[f"t{i}" for i in range(12)])
    for _ in range(5):
        step = run.waiting_steps().order_by("pk").first()
        assert step
        step.confirm(clara)
        run = drained(run)
    return run


@pytest.fixture
def first(begin: Begin, clara: User) -> Run:
    """Waits for an event, the champion's word, or an hour."""
    return begin(FIRST)


@pytest.fixture
def quorum(begin: Begin, bob: User) -> StepRun:
    """Alice started it and may not vote; Bob has said yes, one more has to."""
    run = begin(QUORUM)
    step = run.steps.get()
    step.vote(bob, approve=True, comment="looks right")
    return drained(run).steps.get()


@pytest.fixture
def failed(begin: Begin, alice: User, bob: User) -> Run:
    """What was done is undone by hand, then it has failed."""
    run = begin(UNDONE, INPUTS, rows=3)
    run.steps.get(leaf="a").confirm(alice)
    drained(run).steps.get(leaf="b").vote(bob, approve=False, comment="not on a Friday")
    run = drained(run)
    run.steps.get(purpose="compensate").confirm(alice)
    return drained(run)


def hurry(run: Run) -> None:
    run.steps.filter(wake_at__isnull=False).update(wake_at=timezone.now())


def many(begin: Begin, flow: str, count: int, inputs: str = "", **values: Any) -> Run:
    """A run with so many steps of the flow's only leaves, written as rows: how it came to them does not matter."""
    run = begin(flow, inputs, drain=False, **values)
    run.steps.all().delete()
    leaves, now = list(run.flow.leaf_paths.items()), timezone.now()
    rows = []
    for number in range(count):
        leaf, path = leaves[number % len(leaves)]
        item = str(number // len(leaves) + 1) if len(run.flow.rounds(path)) else ""
        rows.append(
            StepRun(
                run=run, leaf=leaf, path=".".join(map(str, path)), iteration=item, state="succeeded",
                started_at=now, ended_at=now, outputs={"value": "x" * 200}, note="probed",
            )
        )  # fmt: skip
    StepRun.objects.bulk_create(rows, batch_size=500)
    return run


def member(name: str, team: Team, *roles: Role) -> User:
    made = User.objects.create_user(username=name, first_name=name.capitalize(), password="walk the grass")
    team.add(made, *roles)
    return made
