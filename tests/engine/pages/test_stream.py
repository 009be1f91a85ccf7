"""/runs/R/events/: a page that was cut off says what it saw last, and misses nothing of what came meanwhile."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any, TypeVar

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.db import connection, connections, transaction
from django.test import AsyncClient

from engine.models import Event, Run
from people.models import User
from tests.engine.conftest import Runner

pytestmark = pytest.mark.django_db(transaction=True)
WITHIN = 10  # seconds
T = TypeVar("T")


@pytest.fixture
def run(run_flow: Runner) -> Run:
    """It waits for a person, so that its stream stays open."""
    return run_flow("[{id: a, uses: test.probe}, {id: b, uses: manual}]")


async def opened(user: User, run: Run, **headers: str) -> AsyncIterator[str]:
    client = AsyncClient()
    await client.aforce_login(user)
    answer: Any = await client.get(f"/runs/{run.pk}/events/", headers=headers)
    assert answer.status_code == 200
    assert answer["Content-Type"] == "text/event-stream"
    async for part in answer.streaming_content:
        yield part.decode()


async def ids(stream: AsyncIterator[str], count: int) -> list[int]:
    """The numbers that the next events come with."""
    found: list[int] = []
    while len(found) < count:
        part = await asyncio.wait_for(anext(stream), WITHIN)
        found += [int(line[4:]) for line in part.splitlines() if line.startswith("id: ")]
    return found


def driven(body: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """What it returns, run in a thread of its own: the browser tests leave an event loop running in this one."""

    def run() -> T:
        try:
            return async_to_sync(body)()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(run).result(4 * WITHIN)


def of(run: Run) -> list[int]:
    return list(Event.objects.filter(run=run).order_by("pk").values_list("pk", flat=True))


def test_a_new_page_gets_all_of_it_in_order(run: Run, alice: User) -> None:
    written = of(run)

    async def look() -> None:
        assert await ids(opened(alice, run), len(written)) == written

    driven(look)


def test_a_page_that_comes_back_gets_what_it_has_not_seen_and_then_what_happens(run: Run, alice: User) -> None:
    written = of(run)

    # Where what came late may have been missed, what is young is told once more, under the number that was seen.
    told_again = 2 if connection.vendor == "postgresql" else 0

    async def look() -> None:
        first = opened(alice, run)
        seen = await ids(first, 2)
        await first.aclose()  # type: ignore[attr-defined]
        missed = await sync_to_async(run.say)("step.log", "said while nobody looked")
        again = opened(alice, run, **{"Last-Event-ID": str(seen[-1])})
        assert await ids(again, len(written) - 1 + told_again) == [*seen[-1:] * told_again, *written[2:], missed.pk]
        new = await sync_to_async(run.say)("step.log", "said while one looks")
        assert await ids(again, 1) == [new.pk]

    driven(look)


@pytest.mark.parametrize("knows", [True, False])
def test_what_is_stored_late_under_a_lower_number_is_told_too(
    run: Run, alice: User, knows: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Numbers are given when something is written, and seen when it is committed: another may be quicker."""
    if connection.vendor != "postgresql":
        pytest.skip("on SQLite one writes after the other, in the order of the numbers")
    monkeypatch.setattr("engine.models.event.SETTLED", timedelta(minutes=1))
    monkeypatch.setattr("engine.views.stream.SETTLED", timedelta(minutes=1))
    begun, stored = threading.Event(), threading.Event()

    def slow() -> int:
        try:
            with transaction.atomic():
                said = run.say("step.log", "written first")
                begun.set()
                assert stored.wait(WITHIN)
            return said.pk
        finally:
            connections.close_all()

    async def look() -> None:
        with ThreadPoolExecutor(1) as pool:
            written = pool.submit(slow)
            assert await asyncio.to_thread(begun.wait, WITHIN)
            quick = await sync_to_async(run.say)("step.log", "stored first")
            page = opened(alice, run, **({"Last-Event-ID": str(quick.pk)} if knows else {}))
            assert (await ids(page, len(of_run) + 1))[-1] == quick.pk
            stored.set()
            # Its own number is behind what the page says it has seen when it comes back.
            assert await ids(page, 1) == [quick.pk]
            assert await asyncio.to_thread(written.result, WITHIN) < quick.pk

    of_run = of(run)
    driven(look)


@pytest.mark.parametrize("sent", ["x", "-1", "9" * 30, "\xb2", ""])
def test_what_is_no_number_counts_as_nothing_seen(run: Run, alice: User, sent: str) -> None:
    async def look() -> None:
        assert await ids(opened(alice, run, **{"Last-Event-ID": sent}), 1) == [(await sync_to_async(of)(run))[0]]

    driven(look)


def test_a_run_that_is_over_says_so_to_a_page_that_has_seen_all(run_flow: Runner, alice: User) -> None:
    run = run_flow("[{id: a, uses: test.probe}]")
    last = of(run)[-1]

    async def look() -> list[str]:
        return [part async for part in opened(alice, run, **{"Last-Event-ID": str(last)})]

    first, *again, over = driven(look)
    assert (first, over) == ("retry: 1000\n\n", "event: over\ndata: {}\n\n")
    assert not again or connection.vendor == "postgresql"  # where what is young is told once more
