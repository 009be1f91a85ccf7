"""Spans over OTLP/HTTP: a real server takes them, and what it did not take is sent again."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from django.utils import timezone
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from engine.models import EventCursor
from engine.telemetry import spans
from engine.workers.process import Engine
from tests.engine import kinds
from tests.engine.conftest import Runner
from tests.waiting import until

pytestmark = pytest.mark.django_db


class Taker:
    """Takes spans, or answers with `status`."""

    def __init__(self) -> None:
        self.status = 200
        self.spans: list[Any] = []
        taker = self

        class Answer(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                sent = ExportTraceServiceRequest.FromString(self.rfile.read(int(self.headers["Content-Length"])))
                if taker.status == 200:
                    taker.spans += [s for r in sent.resource_spans for scope in r.scope_spans for s in scope.spans]
                self.send_response(taker.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args: Any) -> None:
                return

        self.server = HTTPServer(("127.0.0.1", 0), Answer)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def taker(monkeypatch: pytest.MonkeyPatch, settings: Any) -> Iterator[Taker]:
    made = Taker()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", made.url)
    settings.OTLP_ENDPOINT = made.url
    monkeypatch.setattr(spans, "SETTLED", timedelta(0))
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def begun(taker: Taker, run_flow: Runner) -> OTLPSpanExporter:
    """Somebody has looked before: what ended until now is not sent."""
    run_flow("[{id: before, uses: test.probe}]")
    exporter = OTLPSpanExporter(timeout=2)
    assert spans.send_new(exporter) == 0
    return exporter


def attributes(span: Any) -> dict[str, Any]:
    return {a.key: a.value.string_value or a.value.int_value for a in span.attributes}


def test_a_run_is_a_trace_and_its_steps_are_its_spans(taker: Taker, begun: OTLPSpanExporter, run_flow: Runner) -> None:
    run = run_flow("[{id: a, uses: test.probe}, {id: b, uses: test.probe}]")
    assert spans.send_new(begun) == 1
    root, *steps = taker.spans
    assert {span.trace_id for span in taker.spans} == {run.key.bytes}
    assert [span.name for span in steps] == ["a", "b"]
    assert {span.parent_span_id for span in steps} == {root.span_id}
    assert not root.parent_span_id
    assert attributes(root)["desirepath.run"] == run.pk
    assert attributes(steps[0])["desirepath.kind"] == "test.probe"
    assert root.start_time_unix_nano <= steps[0].start_time_unix_nano <= steps[1].end_time_unix_nano
    assert {span.status.code for span in taker.spans} == {1}


def test_a_failure_is_an_error_with_its_reason(taker: Taker, begun: OTLPSpanExporter, run_flow: Runner) -> None:
    kinds.FAILING["a"] = -1
    run_flow("[{id: a, uses: test.probe}]")
    spans.send_new(begun)
    failed = next(span for span in taker.spans if span.name == "a")
    assert failed.status.code == 2
    assert "told to fail" in failed.status.message


def test_a_run_is_sent_once(taker: Taker, begun: OTLPSpanExporter, run_flow: Runner) -> None:
    run_flow("[{id: a, uses: test.probe}]")
    assert spans.send_new(begun) == 1
    assert spans.send_new(begun) == 0
    assert len(taker.spans) == 2


def test_what_was_not_taken_is_sent_again(taker: Taker, begun: OTLPSpanExporter, run_flow: Runner) -> None:
    run_flow("[{id: a, uses: test.probe}]")
    taker.status = 400
    with pytest.raises(spans.NotSent, match="OTEL_EXPORTER_OTLP_ENDPOINT"):
        spans.send_new(begun)
    taker.status = 200
    assert spans.send_new(begun) == 1
    assert len(taker.spans) == 2


def test_an_engine_killed_between_sending_and_noting_sends_the_same_again(
    taker: Taker, begun: OTLPSpanExporter, run_flow: Runner
) -> None:
    run_flow("[{id: a, uses: test.probe}]")
    before = EventCursor.objects.get().event
    spans.send_new(begun)
    EventCursor.objects.update(event=before)
    spans.send_new(begun)
    assert len(taker.spans) == 4
    assert len({span.span_id for span in taker.spans}) == 2


def test_while_one_engine_reads_the_others_do_not(taker: Taker, begun: OTLPSpanExporter, run_flow: Runner) -> None:
    run_flow("[{id: a, uses: test.probe}]")
    assert EventCursor.objects.take("spans", 0)
    assert spans.send_new(begun) == 0
    EventCursor.objects.update(taken_until=timezone.now())  # it died; a minute later
    assert spans.send_new(begun) == 1


def test_what_is_too_young_waits(taker: Taker, begun: OTLPSpanExporter, run_flow: Runner, monkeypatch) -> None:
    monkeypatch.setattr(spans, "SETTLED", timedelta(minutes=1))
    run_flow("[{id: a, uses: test.probe}]")
    assert spans.send_new(begun) == 0


@pytest.mark.django_db(transaction=True)
def test_the_engine_sends_them_by_itself(taker: Taker, run_flow: Runner, monkeypatch) -> None:
    monkeypatch.setattr("engine.workers.process.SPANS", 0.1)
    engine = Engine(threads=1)
    thread = threading.Thread(target=engine.run)
    thread.start()
    try:
        until(EventCursor.objects.exists)
        run_flow("[{id: a, uses: test.probe}]", drain=False)
        until(lambda: len(taker.spans) >= 2, what="for the spans")
    finally:
        engine.stop()
        thread.join(240)


def test_without_an_endpoint_nothing_is_wanted() -> None:
    assert not spans.wanted()
