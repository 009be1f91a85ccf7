"""The doorbell's task, for installations that run Celery's own worker instead of `desirepath worker`.

The message carries no data, so it may come twice, late or never: the database says what is due.
"""

from __future__ import annotations

from celery import shared_task

from engine import doorbell
from engine.queue import claims
from engine.workers import executor


@shared_task(name=doorbell.TASK)
def look() -> int:
    """Execute what is due until nothing is. Returns how many executions that took."""
    owner = claims.new_owner()
    at_work: set[int] = set()
    with executor.heartbeat(owner, at_work):
        return executor.drain(owner, at_work=at_work)
