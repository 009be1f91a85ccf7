"""Runs as an event log in XES (IEEE 1849): a trace is a run, its events are the starts and ends of its steps.

A person who answered is the step's resource, else it is the engine. What a step was given and put out stays here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import chain
from xml.etree.ElementTree import Element, SubElement, tostring

from django.db.models import Prefetch

from engine.models import Event, Run, StepRun
from engine.models.run import RunQuerySet
from engine.statuses import StepState

ENGINE = "Desirepath"
AT_ONCE = 50  # runs whose rows are held at a time
# How a step ended → XES's own word; what was cancelled before it began has no event.
TRANSITIONS = {
    StepState.SUCCEEDED: "complete", StepState.FAILED: "ate_abort", StepState.CANCELLED: "pi_abort",
    StepState.SKIPPED: "autoskip",
}  # fmt: skip
ANSWERS = ("step.answered", "step.approved", "step.refused")

HEAD = """\
<?xml version="1.0" encoding="UTF-8"?>
<log xes.version="1.0" xes.features="" xmlns="http://www.xes-standard.org/">
<extension name="Concept" prefix="concept" uri="http://www.xes-standard.org/concept.xesext"/>
<extension name="Lifecycle" prefix="lifecycle" uri="http://www.xes-standard.org/lifecycle.xesext"/>
<extension name="Time" prefix="time" uri="http://www.xes-standard.org/time.xesext"/>
<extension name="Organizational" prefix="org" uri="http://www.xes-standard.org/org.xesext"/>
<global scope="trace"><string key="concept:name" value=""/></global>
<global scope="event"><string key="concept:name" value=""/><string key="lifecycle:transition" value="complete"/>\
<date key="time:timestamp" value="1970-01-01T00:00:00+00:00"/></global>
<classifier name="Activity" keys="concept:name"/>
<string key="lifecycle:model" value="standard"/>
"""
TAIL = "</log>\n"


def log(runs: RunQuerySet) -> Iterator[str]:
    """The document of these runs, the oldest first, piece by piece: a thousand runs are never in memory together."""
    answers = Event.objects.filter(kind__in=ANSWERS).select_related("actor")
    steps = StepRun.objects.leaves().prefetch_related(Prefetch("events", answers, to_attr="answers"))
    rows = runs.order_by("pk").select_related("revision__template", "team").prefetch_related(Prefetch("steps", steps))
    return chain([HEAD], (_trace(run) for run in rows.iterator(AT_ONCE)), [TAIL])


def _trace(run: Run) -> str:
    trace = Element("trace")
    _put(trace, "concept:name", f"run {run.pk}")
    _put(trace, "desirepath:key", str(run.key))
    _put(trace, "desirepath:template", run.revision.template.name)
    _put(trace, "desirepath:state", run.state)
    for at, transition, step in sorted(_moments(run.steps.all()), key=lambda moment: (moment[0], moment[2].pk)):
        _event(SubElement(trace, "event"), run, step, (at, transition))
    return tostring(trace, encoding="unicode") + "\n"


def _moments(steps: Iterable[StepRun]) -> Iterator[tuple[datetime, str, StepRun]]:
    for step in steps:
        ended = TRANSITIONS.get(StepState(step.state))
        if step.started_at and ended != "autoskip":
            yield step.started_at, "start", step
        if ended and step.ended_at and (step.started_at or ended == "autoskip"):
            yield step.ended_at, ended, step


def _event(event: Element, run: Run, step: StepRun, moment: tuple[datetime, str]) -> None:
    at, transition = moment
    _put(event, "concept:name", run.flow.leaf(step.leaf).name)
    _put(event, "concept:instance", f"{step.pk}.{step.attempt}")
    _put(event, "lifecycle:transition", transition)
    _put(event, "time:timestamp", at.isoformat(timespec="milliseconds"), "date")
    _put(event, "org:resource", _resource(step))
    _put(event, "desirepath:leaf", step.leaf)


def _resource(step: StepRun) -> str:
    people = [event.actor.username for event in getattr(step, "answers", []) if event.actor]
    return people[-1] if people else ENGINE


def _put(above: Element, key: str, value: str, kind: str = "string") -> None:
    SubElement(above, kind, key=key, value=_clean(value))


def _clean(text: str) -> str:
    """Without the control characters that no XML document may have."""
    return "".join(c for c in text if c in "\t\n\r" or (c >= " " and c not in "\ufffe\uffff"))
