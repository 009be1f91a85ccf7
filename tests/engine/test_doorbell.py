"""The doorbell: it never holds anybody up, and what is rung is heard."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from celery import current_app
from django.test import override_settings
from kombu import pools

from engine import doorbell
from tests.homes import free_port
from tests.pace import slowness
from tests.scaled import Redis, own_redis
from tests.waiting import until

__all__ = ["own_redis"]


@pytest.fixture
def broker() -> Iterator[Callable[[str], None]]:
    """Point this process at a broker, as BROKER_URL would."""
    changed = override_settings(BROKER_URL="")
    kept: list[override_settings] = [changed]

    def at(url: str) -> None:
        kept[0] = override_settings(BROKER_URL=url)
        kept[0].enable()
        from server.celery import app

        app.set_default()
        app.conf.broker_url = app.conf.broker_read_url = app.conf.broker_write_url = url
        app.set_current()
        pools.reset()  # a pool that was closed alone would be handed out again for the same broker
        app._pool = None
        app.amqp._producer_pool = None

    changed.enable()
    yield at
    kept[0].disable()
    doorbell._made.clear()


def test_without_a_broker_ringing_does_nothing(settings):
    settings.BROKER_URL = ""
    doorbell.ring()
    assert not doorbell._made


@pytest.mark.parametrize("answers", [True, False], ids=["silent", "refusing"])
def test_a_broker_that_is_away_holds_nobody_up(broker, answers, caplog):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        if answers:
            silent.listen()  # takes the connection and says nothing
        broker(f"redis://127.0.0.1:{silent.getsockname()[1]}/0")
        began = time.monotonic()
        for _ in range(1000):
            doorbell.ring()
        assert time.monotonic() - began < 3 * slowness()
        until(lambda: "the broker takes no message" in caplog.text, what="for the ringer to give up")
        assert {said.threadName for said in caplog.records if "takes no message" in said.message} == {"ringer"}
        sent = caplog.text.count("the broker takes no message")
        doorbell.ring()
        assert caplog.text.count("the broker takes no message") == sent  # it is left alone for a while


def test_rings_that_come_while_it_sends_become_one():
    sent, go_on = [], threading.Event()

    def send() -> None:
        sent.append(1)
        go_on.wait(240)

    ringer = doorbell.Ringer(send)
    ringer.ring()
    until(lambda: len(sent) >= 1)
    for _ in range(50):
        ringer.ring()
    go_on.set()
    until(lambda: len(sent) >= 2)
    ringer.wanted.wait(0.1)
    assert len(sent) == 2


def test_what_is_rung_is_heard_and_again_after_the_broker_was_away(broker, own_redis: Redis, monkeypatch):
    monkeypatch.setattr(doorbell, "REST", 0.2)
    broker(own_redis.url)
    heard: list[float] = []
    stopping = threading.Event()
    thread = threading.Thread(target=doorbell.listen, args=(lambda: heard.append(time.monotonic()), stopping))
    thread.start()

    def rung(before: int) -> bool:
        """A ring that finds the broker slow is lost and costs latency alone, so each look rings again."""
        doorbell.ring()
        return len(heard) > before

    try:
        until(lambda: len(heard) >= 1, what="for the first look")
        until(lambda: rung(1), what="for the ring")
        own_redis.stop()
        own_redis.start()
        until(lambda: len(heard) > 2, what="for the look after the broker came back")
        count = len(heard)
        until(lambda: rung(count), what="for a ring after the broker came back")
    finally:
        stopping.set()
        thread.join(240)
    assert not thread.is_alive()


def test_what_was_rung_while_nobody_listened_is_one_look(broker, own_redis: Redis):
    broker(own_redis.url)
    for _ in range(5):
        current_app.send_task(doorbell.TASK, queue=doorbell.QUEUE)
    heard: list[int] = []
    stopping = threading.Event()
    thread = threading.Thread(target=doorbell.listen, args=(lambda: heard.append(1), stopping))
    thread.start()
    until(lambda: bool(heard))
    stopping.wait(0.3)
    stopping.set()
    thread.join(240)
    assert len(heard) == 1


def test_a_port_nobody_listens_on_is_only_a_quiet_bell(broker, caplog):
    broker(f"redis://127.0.0.1:{free_port()}/0")
    stopping = threading.Event()
    thread = threading.Thread(target=doorbell.listen, args=(lambda: None, stopping))
    thread.start()
    until(lambda: "polls every second" in caplog.text)
    stopping.set()
    thread.join(240)
    assert not thread.is_alive()
