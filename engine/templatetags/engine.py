"""What the pages of runs need. Built in, like the look's: no page has to load it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from django import template

from engine import durations
from engine.models import StepRun
from engine.statuses import MARKS

register = template.Library()
QUIET = "idle"  # the look's word for a state that asks for nothing


@register.filter
def mark(state: str) -> str:
    """The colour and shape of a state: done, going, waiting, failed or idle."""
    found = MARKS.get(str(state), QUIET)
    return QUIET if found == "quiet" else found


@register.filter
def mark_kind(found: str) -> str:
    """A mark of engine.statuses as the look's chip names it."""
    return QUIET if found == "quiet" else found


@register.filter
def step_mark(step: StepRun) -> str:
    """A step that waits for its own work is going; one that waits for a person is waiting."""
    return "going" if step.state == "waiting" and not step.asking else mark(step.state)


@register.filter
def step_says(step: StepRun) -> str:
    """The sentence beside a step's state: what it asks, why it failed, or what it noted."""
    return str(step.asking["question"]) if step.asking else step.reason or step.note


@register.filter
def seconds(value: float | None) -> str:
    """4.2 s, 52 s, 6 min, 3 h 10 min."""
    return durations.said(value)


@register.filter
def output(value: Any) -> str:
    """An output for a person: a file by its name, numbers plainly, the rest as short JSON."""
    if isinstance(value, Mapping) and "sha256" in value:
        return f"{value.get('name', 'a file')} ({str(value['sha256'])[:12]})"
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "–"}[value]
    if isinstance(value, float):
        return f"{value:.4g}"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 300 else f"{text[:299]}…"
