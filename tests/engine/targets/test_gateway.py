"""The gateway: shares by weight, falls back, counts, and drops nothing while releases come and go."""

import http.client
import os
import signal
import socket
import threading

import httpx
import pytest

from engine.targets.base import Backend, Route, State
from tests.waiting import until

from .conftest import service
from .load import load, request
from .test_kills import state_of
from .waiting import until_state

INFER = request("/v2/models/churn/infer", b'{"inputs": []}')


@pytest.fixture
def two(target):
    """Two releases, and a function that sets the share of the second."""
    for name in ("churn.r1", "churn.r2"):
        target.apply(service(name))
    for name in ("churn.r1", "churn.r2"):
        until_state(target, name, State.READY)

    def share(second, fallback="1"):
        backends = (Backend("1", "churn.r1", 100 - second), Backend("2", "churn.r2", second))
        return target.route(Route("churn", backends, fallback)).address

    return share


def test_requests_are_shared_by_weight_and_say_which_release_answered(target, two):
    address = two(25)
    seen, _ = load(address, request(), answers=1500)
    assert {status for status, _ in seen} == {200}
    total = sum(seen.values())
    assert total >= 1500
    assert 0.15 < seen[200, "2"] / total < 0.35
    counts = target.counts("churn")
    assert counts["1"].requests + counts["2"].requests == total
    assert counts["1"].errors == counts["2"].errors == 0
    assert 0 < counts["1"].latency_ms_p50 <= counts["1"].latency_ms_p95 < 10_000


def test_a_preview_is_reached_by_the_header_alone(two):
    address = two(0)
    assert {httpx.get(address).text for _ in range(10)} == {"churn.r1"}
    preview = httpx.get(address, headers={"X-Desirepath-Release": "2"})
    assert (preview.text, preview.headers["x-desirepath-release"]) == ("churn.r2", "2")
    unknown = httpx.get(address, headers={"X-Desirepath-Release": "9"})
    assert unknown.status_code == 404
    assert "no release 9" in unknown.json()["error"]


def test_changing_weights_under_load_drops_nothing(two):
    address = two(0)

    def change(more):
        for weight in (10, 50, 90, 100, 0, 30):
            two(weight)
            more()

    seen, _ = load(address, INFER, meanwhile=change)
    assert {status for status, _ in seen} == {200}
    assert seen[200, "2"] > 0


@pytest.mark.kill
@pytest.mark.parametrize("victim", ["churn.r1", "churn.r2"])
def test_killing_a_release_under_load_gives_no_bad_answer(target, two, victim):
    address = two(50)

    def kill(more):
        more()
        for starts in (2, 3, 4):
            os.kill(state_of(target, victim)["program"]["pid"], signal.SIGKILL)
            until(lambda starts=starts: target.status(victim).starts >= starts)  # type: ignore[misc]
            until_state(target, victim, State.READY)

    seen, _ = load(address, INFER, meanwhile=kill)
    assert {status for status, _ in seen} == {200}
    assert target.counts("churn")[victim[-1]].retried > 0


def test_stopping_a_release_under_load_drops_nothing(target, two):
    address = two(50)

    def stop(more):
        more()
        target.stop("churn.r2")
        more()

    seen, _ = load(address, INFER, meanwhile=stop)
    assert {status for status, _ in seen} == {200}


def test_a_model_that_answers_500_is_answered_by_the_fallback(target, two):
    address = two(100)
    (target.places.workload("churn.r2") / "scratch" / "fail").touch()
    inferred = httpx.post(f"{address}/v2/models/churn/infer", json={})
    assert (inferred.status_code, inferred.headers["x-desirepath-release"]) == (200, "1")
    posted = httpx.post(f"{address}/orders", json={})  # not repeatable: it may have been done
    assert (posted.status_code, posted.headers["x-desirepath-release"]) == (500, "2")
    pinned = httpx.get(address, headers={"X-Desirepath-Release": "2"})
    assert pinned.status_code == 500
    count = target.counts("churn")["2"]
    assert (count.requests, count.errors, count.retried) == (3, 3, 1)


def test_with_nothing_to_fall_back_on_the_answer_says_so(target, two):
    address = two(100, fallback=None)
    target.stop("churn.r2")
    answer = httpx.get(address)
    assert answer.status_code == 502
    assert "Release 2 of churn did not answer" in answer.json()["error"]


def test_large_bodies_pass_both_ways(target):
    program = """
import http.server, os
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        if self.path.startswith("/v2"):
            return self.answer(b"ok")
        self.send_response(200); self.send_header("Transfer-Encoding", "chunked"); self.end_headers()
        for n in range(50):
            self.wfile.write(b"10000\\r\\n" + bytes([n]) * 65536 + b"\\r\\n")
        self.wfile.write(b"0\\r\\n\\r\\n")
    def do_POST(self):
        if self.headers.get("Transfer-Encoding"):
            size = 0
            while n := int(self.rfile.readline(), 16):
                size += len(self.rfile.read(n)); self.rfile.readline()
            self.rfile.readline()
        else:
            size = len(self.rfile.read(int(self.headers["Content-Length"])))
        self.answer(str(size).encode())
    def answer(self, body):
        self.send_response(200); self.send_header("Content-Length", str(len(body))); self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_): pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""
    target.apply(service("big.r1", program, health="/v2"))
    until_state(target, "big.r1", State.READY)
    address = target.route(Route("big", (Backend("1", "big.r1", 100),))).address
    with httpx.Client() as client:
        for _ in range(2):
            assert client.post(address, content=b"x" * (9 << 20)).text == str(9 << 20)
            assert client.post(address, content=(b"y" * 70000 for _ in range(40))).text == str(70000 * 40)
            got = client.get(address).content
            assert got == b"".join(bytes([n]) * 65536 for n in range(50))
        assert client.head(address).status_code == 501  # no body after its head, and the connection stays in step
        assert client.post(address, content=b"abc").text == "3"


def test_two_requests_sent_at_once_are_answered_in_order(two):
    address = two(0)
    with socket.create_connection(("127.0.0.1", int(address.rpartition(":")[2]))) as line:
        line.sendall(request("/slow") + request("/") + b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        data = b""
        while part := line.recv(65536):
            data += part
    assert data.count(b"HTTP/1.1 200") == 3
    assert data.count(b"Connection: close") == 1


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: +5\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost : x\r\n\r\n",
        b"GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n",
        b"GET / HTTP/1.1\nHost: x\r\n\r\n",
        b"nonsense\r\n\r\n",
        b"GET / HTTP/1.1\r\nA: " + b"a" * 70000,
    ],
)
def test_a_head_two_parsers_could_read_differently_is_refused(two, head):
    port = int(two(0).rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=60) as line:
        line.sendall(head)
        answer = line.recv(65536)
    assert answer.startswith((b"HTTP/1.1 400", b"HTTP/1.1 431"))


def test_an_old_client_and_one_that_expects_continue_are_served(two):
    port = int(two(0).rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=60) as line:
        line.sendall(b"GET / HTTP/1.0\r\n\r\n")
        data = b""
        while part := line.recv(65536):
            data += part
    assert data.startswith(b"HTTP/1.1 200")
    assert data.endswith(b"churn.r1")
    with socket.create_connection(("127.0.0.1", port), timeout=60) as line:
        line.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n")
        assert line.recv(100).startswith(b"HTTP/1.1 100")
        line.sendall(b"abc")
        assert b"200" in line.recv(1000)


def test_a_client_that_goes_away_hurts_nobody(two):
    address = two(0)
    port = int(address.rpartition(":")[2])
    for _ in range(20):
        with socket.create_connection(("127.0.0.1", port)) as line:
            line.sendall(request("/slow"))
    seen, _ = load(address, request())
    assert {status for status, _ in seen} == {200}


def test_counts_survive_a_restart_and_go_with_the_route(target, two):
    address = two(0)
    for _ in range(3):
        httpx.get(address)
    target.shutdown()
    assert target.counts("churn")["1"].requests == 3
    target.start()
    until_state(target, "churn.r1", State.READY)
    assert _answers(address)
    assert target.counts("churn")["1"].requests == 4
    target.remove("churn")
    assert target.counts("churn") == {}
    with pytest.raises(httpx.HTTPError):
        httpx.get(address)


def _answers(address):
    try:
        return httpx.get(address).status_code == 200
    except httpx.HTTPError:
        return False


def test_a_kept_connection_that_the_release_closed_is_not_a_bad_answer(target):
    """A server that drops every connection right after its answer, without saying so."""
    program = """
import os, socket
listening = socket.create_server(("127.0.0.1", int(os.environ["PORT"])), backlog=64)
while True:
    line, _ = listening.accept()
    line.recv(65536)
    line.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nok")
    line.close()
"""
    target.apply(service("rude.r1", program))
    until_state(target, "rude.r1", State.READY)
    address = target.route(Route("rude", (Backend("1", "rude.r1", 100),))).address
    seen, _ = load(address, INFER, connections=3)
    assert set(seen) == {(200, "1")}


def test_many_threads_of_a_plain_client_are_served(two):
    address = two(50)
    host = address.removeprefix("http://")
    bad = []

    def ask():
        connection = http.client.HTTPConnection(host, timeout=120)
        for _ in range(20):
            connection.request("POST", "/v2/models/churn/infer", b"{}")
            answer = connection.getresponse()
            if answer.status != 200 or not answer.read().startswith(b"churn"):
                bad.append(answer.status)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert bad == []
