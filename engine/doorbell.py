"""The doorbell: a message over a broker that a step is ready. The message carries no data.

Without BROKER_URL ringing does nothing: the embedded loop watches `PRAGMA data_version`, and a worker on PostgreSQL
polls about once a second. With it, one Celery message (`engine.look`) wakes a loop sooner. A broker that does not
answer only costs latency: the caller never waits for it and gets no error.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from django.conf import settings

TASK = "engine.look"
QUEUE = "desirepath"
WITHIN = 0.5  # seconds a broker may take to answer
REST = 3.0  # seconds during which a broker that failed is left alone
OLD = 60  # seconds after which a ring need not be heard any more: everybody has looked since

log = logging.getLogger("desirepath.bell")


def ring() -> None:
    """Say that a step became ready. Returns at once, whatever the broker does; call it when the step is committed."""
    if settings.BROKER_URL:
        _ringer().ring()


class Ringer:
    """Sends from a thread of its own, so that nobody waits; rings that come while it sends become one."""

    def __init__(self, send: Callable[[], None]) -> None:
        self.send = send
        self.wanted = threading.Event()
        self.rested_at = 0.0  # monotonic; until then the broker is left alone
        threading.Thread(target=self._ring, name="ringer", daemon=True).start()

    def ring(self) -> None:
        self.wanted.set()

    def _ring(self) -> None:
        while self.wanted.wait():
            self.wanted.clear()  # before sending: what is committed from here on is rung again
            if time.monotonic() < self.rested_at:
                continue
            try:
                self.send()
            except Exception as error:  # whatever it is, a bell that does not ring is no failure of the work
                self.rested_at = time.monotonic() + REST
                log.warning("the broker takes no message, so the workers poll every second: %s", error)


_made: list[Ringer] = []
_making = threading.Lock()


def _ringer() -> Ringer:
    """This process's ringer; made when first needed, because most processes never ring."""
    if not _made:
        with _making:
            if not _made:
                _made.append(Ringer(_send))
    return _made[0]


def _send() -> None:
    from celery import current_app  # loaded by those that ring: the embedded default never pays for it

    current_app.send_task(TASK, queue=QUEUE, retry=False, ignore_result=True, expires=OLD)


def listen(heard: Callable[[], None], stopping: threading.Event) -> None:
    """Call `heard` whenever the bell rings, until `stopping`; a broker that is away is asked again and again.

    A ring is let go of when it is heard: the work it tells of stands in the database, so nothing is lost with it.
    """
    quiet = True
    while not stopping.is_set():
        try:
            _hear(heard, stopping)
        except Exception as error:
            if quiet:
                log.warning("the broker does not answer, so this worker polls every second: %s", error)
            quiet = False
            stopping.wait(REST)
        else:
            quiet = True


def _hear(heard: Callable[[], None], stopping: threading.Event) -> None:
    from celery import current_app

    with current_app.connection_for_read() as connection:
        connection.ensure_connection(max_retries=0, timeout=WITHIN)
        queue = current_app.amqp.queues[QUEUE]
        with connection.Consumer([queue], no_ack=True, on_message=lambda _: heard()) as consumer:
            consumer.purge()  # what was rung while nobody listened says no more than that one should look
            heard()
            while not stopping.is_set():
                _one(connection)


def _one(connection: Any) -> None:
    """Wait a moment for a ring."""
    try:
        connection.drain_events(timeout=1)
    except TimeoutError:
        return
