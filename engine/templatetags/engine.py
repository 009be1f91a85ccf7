"""What the pages of runs need. Built in, like the look's: no page has to load it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django import template
from django.utils.formats import date_format

from engine.statuses import MARKS, StepState
from lib import durations

register = template.Library()
QUIET = "idle"  # the look's word for a state that asks for nothing


@register.filter
def mark(state: str) -> str:
    """The colour and shape of a state: done, going, waiting, failed or idle."""
    shown = MARKS.get(str(state), QUIET)
    return QUIET if shown == "quiet" else shown


@register.filter
def mark_kind(state: str) -> str:
    """A mark of engine.statuses as the look's chip names it."""
    return QUIET if state == "quiet" else state


@register.filter
def process_mark(state: str) -> str:
    """The colour and shape of a process's state, as its target finds it."""
    return {"ready": "done", "starting": "going", "preparing": "going", "failed": "failed"}.get(str(state), QUIET)


@register.filter
def step_word(state: str) -> str:
    """A step's state in a word."""
    return str(StepState(state).label)


@register.filter
def tz_date(moment: datetime, how: str) -> str:
    """A moment in the time zone it carries, which the page's own would replace."""
    return date_format(moment.replace(tzinfo=None), how)


@register.filter
def in_zone(moment: datetime, zone: str) -> datetime:
    return moment.astimezone(ZoneInfo(zone))


@register.filter
def seconds(value: float | None) -> str:
    """4.2 s, 52 s, 6 min, 3 h 10 min."""
    return durations.in_words(value)


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
