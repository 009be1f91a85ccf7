"""/metrics: what the engine measures of itself, for Prometheus.

The figures say how much is done here, so only this machine may read them, and a client that sends the bearer token in
DESIREPATH_METRICS_TOKEN. A request that came through a proxy is not from this machine.
"""

from __future__ import annotations

from functools import cache
from ipaddress import ip_address
from secrets import compare_digest
from typing import Any

from django.conf import settings
from django.db import Error
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

REFUSED = """\
Metrics are for this machine, or for who has the token. Start the server with DESIREPATH_METRICS_TOKEN=…, then give the
token to Prometheus: authorization: {credentials: …}.
"""
FORWARDED = ("X-Forwarded-For", "Forwarded", "X-Real-IP")


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    if not _may(request):
        return HttpResponse(REFUSED, status=403, content_type="text/plain; charset=utf-8")
    from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, generate_latest  # loaded by those that are asked

    try:
        return HttpResponse(generate_latest(_registry()), content_type=CONTENT_TYPE_PLAIN_0_0_4)
    except Error:
        text = "The database does not answer; /health/ready says more.\n"
        return HttpResponse(text, status=503, content_type="text/plain; charset=utf-8")


def _may(request: HttpRequest) -> bool:
    token = settings.METRICS_TOKEN
    sent = request.headers.get("Authorization", "").removeprefix("Bearer ")
    if token and compare_digest(sent.encode(), token.encode()):
        return True
    forwarded = any(name in request.headers for name in FORWARDED)
    return not forwarded and _loopback(request.META.get("REMOTE_ADDR", ""))


def _loopback(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:  # a socket has none
        return False


@cache
def _registry() -> Any:
    from prometheus_client import CollectorRegistry

    from engine.telemetry.metrics import EngineMetrics

    made = CollectorRegistry(auto_describe=False)
    made.register(EngineMetrics())
    return made
