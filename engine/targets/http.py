"""Asking an address: the only place where the engine speaks HTTP to what a target runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from engine.targets.base import TargetError


class NoAnswer(TargetError):
    """Nobody answered in time. A check fails by it; for another step it is a temporary error."""

    def __init__(self, message: str) -> None:
        super().__init__(message, temporary=True)


@dataclass(frozen=True)
class Answer:
    status: int
    text: str
    headers: Mapping[str, str]
    milliseconds: float

    @property
    def release(self) -> str:
        """Which release the gateway says has answered."""
        return self.headers.get("x-desirepath-release", "")


def ask(url: str, *, json: Any = None, release: str | None = None, within: float = 10) -> Answer:
    """GET, or POST where there is a body. Raises NoAnswer. Follows no redirect."""
    headers = {"X-Desirepath-Release": release} if release else {}
    try:
        method = "GET" if json is None else "POST"
        response = httpx.request(method, url, json=json, headers=headers, timeout=within, follow_redirects=False)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise NoAnswer(f"{url} did not answer within {within:g} s: {error}") from error
    return Answer(response.status_code, response.text, response.headers, response.elapsed.total_seconds() * 1000)
