"""A target that only answers questions: what a plan gets."""

from __future__ import annotations

from typing import ClassVar, NoReturn

from engine.targets.base import (
    Change,
    Counts,
    Environment,
    Log,
    Progress,
    Route,
    RouteStatus,
    Status,
    Target,
    TargetError,
    Workload,
)


class ReadOnlyTarget(Target):
    """Passes every question on and refuses every write, so that a plan cannot touch anything by mistake."""

    kind: ClassVar[str] = "readonly"

    def __init__(self, inner: Target) -> None:
        self.inner = inner

    def check(self) -> list[str]:
        return self.inner.check()

    def pythons(self) -> tuple[str, ...]:
        return self.inner.pythons()

    def prepare(self, environment: Environment, progress: Progress) -> None:
        self._refuse("prepare")

    def apply(self, workload: Workload) -> Status:
        self._refuse("apply")

    def status(self, name: str) -> Status:
        return self.inner.status(name)

    def logs(self, name: str, offset: int = 0, limit: int = 65536) -> Log:
        return self.inner.logs(name, offset, limit)

    def stop(self, name: str) -> None:
        self._refuse("stop")

    def route(self, route: Route) -> RouteStatus:
        self._refuse("route")

    def routed(self, name: str) -> RouteStatus | None:
        return self.inner.routed(name)

    def counts(self, name: str) -> dict[str, Counts]:
        return self.inner.counts(name)

    def remove(self, name: str) -> None:
        self._refuse("remove")

    def discard(self, source: str) -> None:
        self._refuse("discard")

    def plan(self, wanted: Workload | Route) -> list[Change]:
        return self.inner.plan(wanted)

    def _refuse(self, verb: str) -> NoReturn:
        raise TargetError(f"a plan only looks: it must not {verb}")
