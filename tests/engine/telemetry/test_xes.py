"""The event log of runs: read again it says what happened, and the flow that is found in it is the one that ran."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from xml.etree import ElementTree

import pytest

from engine.definition.flow import Leaf, Sequence
from engine.models import Run
from engine.telemetry import xes
from engine.workers import executor
from journeys.discovery.inductive import Occurrence, discover
from tests.engine import kinds
from tests.engine.conftest import Runner, starter

pytestmark = pytest.mark.django_db
NAMESPACE = "{http://www.xes-standard.org/}"
Read = list[list[dict[str, str]]]


def read(text: str) -> Read:
    """The traces as another program reads them: [[{key: value} of an event]]."""
    root = ElementTree.fromstring(text)
    assert root.tag == f"{NAMESPACE}log"
    return [
        [{part.attrib["key"]: part.attrib["value"] for part in event} for event in trace.iter(f"{NAMESPACE}event")]
        for trace in root.iter(f"{NAMESPACE}trace")
    ]


def written() -> Read:
    return read("".join(xes.log(Run.objects.all())))


def intervals(trace: list[dict[str, str]]) -> Iterator[Occurrence]:
    began = {e["concept:instance"]: e for e in trace if e["lifecycle:transition"] == "start"}
    for event in trace:
        if event["lifecycle:transition"] == "complete":
            at = [began[event["concept:instance"]]["time:timestamp"], event["time:timestamp"]]
            start, end = (round(datetime.fromisoformat(t).timestamp() * 1e6) for t in at)
            yield Occurrence(start, end, event["concept:instance"], event["desirepath:leaf"])


def test_a_run_is_a_trace_of_starts_and_ends_in_order(run_flow: Runner) -> None:
    run_flow("[{id: a, title: First, uses: test.probe}, {id: b, uses: test.probe}]")
    (trace,) = written()
    said = [(event["concept:name"], event["lifecycle:transition"]) for event in trace]
    assert said == [("First", "start"), ("First", "complete"), ("b", "start"), ("b", "complete")]
    times = [datetime.fromisoformat(event["time:timestamp"]) for event in trace]
    assert times == sorted(times)
    assert {event["org:resource"] for event in trace} == {"Desirepath"}


def test_the_flow_found_in_what_was_written_is_the_one_that_ran(run_flow: Runner) -> None:
    for _ in range(3):
        run = run_flow("[{id: a, uses: test.probe}, {id: b, uses: test.probe}, {id: c, uses: test.probe}]")
        apart(run)
    found = discover([list(intervals(trace)) for trace in written()])
    assert isinstance(found, Sequence)
    assert [part.id for part in found.children if isinstance(part, Leaf)] == ["a", "b", "c"]


def apart(run: Run) -> None:
    """XES has milliseconds, and these steps take less."""
    from datetime import timedelta

    for number, step in enumerate(run.steps.order_by("pk")):
        at = run.started_at + timedelta(seconds=number)
        run.steps.filter(pk=step.pk).update(started_at=at, ended_at=at + timedelta(milliseconds=500))


def test_who_answered_is_the_resource(run_flow: Runner) -> None:
    run = run_flow("[{id: a, uses: manual}]")
    run.steps.get().confirm(starter(run))
    executor.drain()
    (trace,) = written()
    assert {event["org:resource"] for event in trace} == {"alice"}


def test_what_failed_and_what_was_skipped_is_said_in_the_standards_words(run_flow: Runner) -> None:
    kinds.FAILING["b"] = -1
    run_flow("[{id: a, uses: test.probe, when: '${{ 1 == 2 }}'}, {id: b, uses: test.probe}]")
    (trace,) = written()
    said = [(event["concept:name"], event["lifecycle:transition"]) for event in trace]
    assert said == [("a", "autoskip"), ("b", "start"), ("b", "ate_abort")]


def test_text_that_no_document_may_hold_is_cleaned(run_flow: Runner) -> None:
    assert xes._clean("a\x00b\x1b\ufffe<&>") == "ab<&>"
    run_flow('[{id: a, title: "<&> \\"quoted\\"", uses: test.probe}]')
    assert written()[0][0]["concept:name"] == '<&> "quoted"'
