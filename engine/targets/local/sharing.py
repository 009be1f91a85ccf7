"""Which release of a route gets a request. Part of the gateway: standard library only."""

from __future__ import annotations

import random

TYPE_CHECKING = False
if TYPE_CHECKING:
    import asyncio

    from engine.targets.local.counters import Counter
    from engine.targets.local.exchange import Upstream


class Release:
    """A backend: the addresses of its programs, which answer in turn, its counts and its idle connections."""

    def __init__(self, name: str, host: str, ports: list[int], counter: Counter) -> None:
        self.name, self.host, self.ports = name, host, ports
        self.counter = counter
        self.weight = 0
        self.idle: list[Upstream] = []
        self.header = b"X-Desirepath-Release: " + name.encode() + b"\r\n"

    def take(self) -> Upstream | None:
        """A kept connection to the program whose turn it is."""
        if len(self.ports) > 1:
            self.ports = [*self.ports[1:], self.ports[0]]
        for at in range(len(self.idle) - 1, -1, -1):
            if self.idle[at].port != self.ports[0]:
                continue
            upstream = self.idle.pop(at)
            if upstream.usable():
                return upstream
            upstream.close()
        return None


class Entry:
    """A route in the gateway: its releases, their weights and the listening socket."""

    def __init__(self, name: str, port: int) -> None:
        self.name, self.port = name, port
        self.releases: dict[str, Release] = {}
        self.fallback: str | None = None
        self.own_errors = False
        self.server: asyncio.Server | None = None

    def pick(self) -> Release | None:
        total = sum(release.weight for release in self.releases.values())
        at = random.random() * total  # noqa: S311 - sharing traffic, no secret
        for release in self.releases.values():
            at -= release.weight
            if at < 0:
                return release
        return next((release for release in self.releases.values() if release.weight), None)

    def instead_of(self, failed: Release) -> Release | None:
        """The fallback; when that is the one that failed, the release with the most traffic of the others."""
        fallback = self.releases.get(self.fallback or "")
        if fallback is not None and fallback is not failed:
            return fallback
        others = [release for release in self.releases.values() if release.weight and release is not failed]
        return max(others, key=lambda release: release.weight, default=None)
