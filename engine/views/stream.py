"""/runs/R/events/: a run's events as they happen, by Server-Sent Events.

One poller a process looks for new events, however many pages are open; each page then reads only its own run. A page
that reconnects sends the last id it has (Last-Event-ID), so it misses no event.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator

from asgiref.sync import sync_to_async
from django.db import connection
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse

from engine.models import Event, Run
from engine.models.event import SETTLED
from engine.statuses import ENDED_RUNS
from people.access import fetch

LOOK = 0.25  # seconds between two glances
AGAIN = 1.0  # seconds between two times that waiters are woken for what may have been committed late
SILENCE = 15.0  # seconds after which a comment keeps the connection open


class Poller:
    """Wakes its waiters when the event table has grown. Runs only while somebody waits.

    An event that is committed late has a lower id than the newest, so waiters are woken again while such events may
    come.
    """

    def __init__(self) -> None:
        self.waiters = 0
        self.newest = 0
        self.unsettled = 0.0  # until when some may come; monotonic
        self.woken = 0.0
        self.grown = asyncio.Event()
        self.task: asyncio.Task[None] | None = None

    async def wait(self, grown: asyncio.Event, at_most: float) -> None:
        """Return when something was written after `grown` was taken from here, or after `at_most` seconds."""
        self.waiters += 1
        if self.task is None or self.task.done():
            self.task = asyncio.create_task(self._look())
        try:
            async with asyncio.timeout(at_most):
                await grown.wait()
        except TimeoutError:
            pass
        finally:
            self.waiters -= 1

    async def _look(self) -> None:
        while self.waiters:
            newest, now = await sync_to_async(_newest)(), time.monotonic()
            if newest != self.newest or self.woken + AGAIN <= now < self.unsettled:
                self._wake(newest, now)
            await asyncio.sleep(LOOK)

    def _wake(self, newest: int, now: float) -> None:
        if newest != self.newest and connection.vendor == "postgresql":
            self.unsettled = now + SETTLED.total_seconds()
        self.newest, self.woken = newest, now
        self.grown.set()
        self.grown = asyncio.Event()


def _newest() -> int:
    return Event.objects.order_by("-pk").values_list("pk", flat=True).first() or 0


_pollers: dict[int, Poller] = {}


def poller() -> Poller:
    """This event loop's poller."""
    return _pollers.setdefault(id(asyncio.get_running_loop()), Poller())


async def stream(request: HttpRequest, pk: int) -> HttpResponse | StreamingHttpResponse:
    user = await request.auser()
    try:
        run = await sync_to_async(fetch)(user, Run, pk=pk)
    except Http404:
        return HttpResponse(status=404)
    last_sent = request.headers.get("Last-Event-ID") or request.GET.get("after", "0")
    after = int(last_sent) if last_sent.isdecimal() and len(last_sent) < 18 else 0
    response = StreamingHttpResponse(_events(run.pk, after), content_type="text/event-stream")
    response["Cache-Control"] = "no-cache"
    response["X-Accel-Buffering"] = "no"
    return response


async def _events(run: int, after: int) -> AsyncIterator[str]:
    yield "retry: 1000\n\n"
    events, sent = Event.objects.filter(run=run).select_related("step"), set[int]()
    while True:
        grown = poller().grown  # taken before the query, so that an event written during it wakes us too
        young = {pk async for pk in events.late(after).values_list("pk", flat=True)}
        late = [row async for row in events.filter(pk__in=young - sent).order_by("pk")] if young - sent else []
        rows = [*late, *[row async for row in events.after(after)[:200]]]
        sent = young | {row.pk for row in rows}
        for row in rows:
            after = max(after, row.pk)
            data = {"kind": row.kind, "text": row.text, "leaf": row.step.leaf if row.step else ""}
            yield f"id: {after}\nevent: step\ndata: {json.dumps(data, ensure_ascii=False)}\n\n"
        if not rows:
            state = await Run.objects.values_list("state", flat=True).aget(pk=run)
            if state in ENDED_RUNS:
                yield "event: over\ndata: {}\n\n"
                return
            await poller().wait(grown, SILENCE)
            yield ": still here\n\n"
