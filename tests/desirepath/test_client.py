"""The SDK's own decisions, with the network's edge in the test's hands."""

from __future__ import annotations

import math
from typing import Any

import httpx
import pytest

from desirepath import client
from desirepath.client import Desirepath


class Answers:
    """A server that gives these events, one list an answer, and notes after which number it was asked."""

    def __init__(self, *lists: list[int]) -> None:
        self.left, self.asked = list(lists), list[int]()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(int(request.url.params["after"]))
        return httpx.Response(200, json=[{"id": number} for number in self.left.pop(0)])


def told(answers: Answers) -> list[list[int]]:
    """The events that each answer brings to whoever follows."""
    here = Desirepath("http://127.0.0.1:9", "a token")
    here.http = httpx.Client(base_url="http://127.0.0.1:9/api/", transport=httpx.MockTransport(answers))
    found: list[list[int]] = [[]]
    for event in here.events(1):
        if event is not None:
            found[-1].append(event["id"])
        elif answers.left:
            found.append([])
        else:
            break
    return found


@pytest.mark.parametrize(
    ("settled", "full", "answers", "heard", "asked"),
    [
        pytest.param(-1, 500, [[1, 2], [3], []], [[1, 2], [3], []], [0, 2, 3], id="old ones are asked for once"),
        pytest.param(math.inf, 500, [[3], [2, 3], [2, 3]], [[3], [2], []], [0, 0, 0], id="a late one is told, once"),
        pytest.param(math.inf, 2, [[1, 2], [3, 4], [5]], [[1, 2], [3, 4], [5]], [0, 2, 4], id="a full answer goes on"),
    ],
)
def test_events_are_told_once_each(
    settled: float, full: int, answers: list[list[int]], heard: Any, asked: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "SETTLED", settled)
    monkeypatch.setattr(client, "EVENTS_IN_ANSWER", full)
    server = Answers(*answers)
    assert told(server) == heard
    assert server.asked == asked
