"""The Celery application of the doorbell. Loaded only where BROKER_URL is set.

No result, no eta, no countdown, no chord, no revoke: timers are a column, and what became of a step is a row.
"""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "server.settings")

from celery import Celery
from django.conf import settings

from engine import doorbell

app = Celery("desirepath", broker=settings.BROKER_URL or None, include=["engine.workers.tasks"])
app.set_default()  # in every thread: the ringer has one of its own
app.conf.update(
    task_default_queue=doorbell.QUEUE,
    task_create_missing_queues=True,
    task_ignore_result=True,
    task_serializer="json",
    accept_content=["json"],
    task_acks_late=True,  # a Celery worker that dies while it looks gives the ring back
    task_reject_on_worker_lost=True,
    worker_prefetch_multiplier=1,  # a ring that waits in a busy worker wakes nobody
    worker_soft_shutdown_timeout=30.0,  # seconds in which the step at hand may finish
    worker_enable_remote_control=False,
    worker_send_task_events=False,
    worker_hijack_root_logger=False,
    broker_connection_timeout=doorbell.WITHIN,
    broker_connection_retry_on_startup=True,
    broker_heartbeat=0,
    # Said outright, because the default of an hour is how long tasks run twice. A ring given back sooner does no harm.
    broker_transport_options={
        "visibility_timeout": 300,  # seconds
        "socket_connect_timeout": doorbell.WITHIN,
        "socket_timeout": doorbell.WITHIN,
        "max_retries": 0,
        "read_timeout": doorbell.WITHIN,
        "write_timeout": doorbell.WITHIN,
    }
    if settings.BROKER_URL.startswith("redis")
    else {"max_retries": 0, "read_timeout": doorbell.WITHIN, "write_timeout": doorbell.WITHIN},
)
