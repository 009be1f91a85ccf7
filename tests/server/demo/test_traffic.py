"""Traffic: requests are sent until it is told to stop, at most so many, and failures of both sorts are counted."""

import threading

import httpx

from server.demo.traffic import Traffic, meanwhile


def answer(status: int = 200) -> httpx.Response:
    return httpx.Response(status)


def test_it_sends_no_more_than_it_may():
    traffic = Traffic(lambda _, n: answer(), most=3)
    traffic.start()
    traffic.join(240)
    assert (traffic.sent, traffic.failed) == (3, 0)


def test_an_error_and_a_lost_connection_both_count_as_failed():
    def ask(_: httpx.Client, n: int) -> httpx.Response:
        if n == 1:
            raise httpx.ConnectError("refused")
        return answer(502 if n == 0 else 200)

    traffic = Traffic(ask, most=3)
    traffic.start()
    traffic.join(240)
    assert (traffic.sent, traffic.failed) == (3, 2)


def test_it_ends_with_what_it_goes_on_beside_even_when_that_fails():
    asked = threading.Event()

    def ask(_: httpx.Client, n: int) -> httpx.Response:
        asked.set()
        return answer()

    try:
        with meanwhile(Traffic(ask, most=10_000_000, pause=0.001)) as traffic:
            assert asked.wait(240)
            raise RuntimeError("the run failed")
    except RuntimeError:
        pass
    assert not traffic.is_alive()
    assert traffic.sent > 0
