"""A target that does nothing and remembers everything, for tests and for trying a template out."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping
from typing import Any, ClassVar

from engine.targets.base import (
    Change,
    Counts,
    Environment,
    Kind,
    Log,
    Progress,
    Route,
    RouteStatus,
    State,
    Status,
    Target,
    TargetError,
    Workload,
)
from engine.targets.naming import checked_name
from engine.targets.routing import checked, planned


class DummyTarget(Target):
    """Services are ready and jobs have succeeded at once, unless `ends` says otherwise.

    `calls` has every verb that changed something, in order: ("apply", name), ("route", name), …
    """

    kind: ClassVar[str] = "dummy"

    def __init__(self) -> None:
        self.calls: list[tuple[str, str]] = []
        self.workloads: dict[str, Workload] = {}
        self.statuses: dict[str, Status] = {}
        self.printed: dict[str, str] = {}
        self.routes: dict[str, RouteStatus] = {}
        self.counted: dict[str, dict[str, Counts]] = {}
        self.discarded: set[str] = set()
        self._ends: dict[str, Status] = {}
        self._broken: str | None = None

    # What a test arranges.

    def ends(
        self,
        name: str,
        state: State = State.SUCCEEDED,
        *,
        result: dict[str, Any] | None = None,
        files: Mapping[str, str] | None = None,
        exit_code: int = 0,
        reason: str = "",
        log: str = "",
    ) -> None:
        """How the workload of this name will be found, now or once it is applied. RUNNING and STARTING stay so."""
        self._ends[name] = Status(state, reason, exit_code=exit_code, result=result, files=files or {})
        self.printed[name] = log
        if name in self.statuses:
            self.statuses[name] = self._settled(self.workloads[name], self.statuses[name].starts)

    def breaks(self, sentence: str | None) -> None:
        """From now on every verb that writes fails with this sentence; None: no longer."""
        self._broken = sentence

    # The contract.

    def check(self) -> list[str]:
        return [self._broken] if self._broken else []

    def pythons(self) -> tuple[str, ...]:
        return ("3.10", "3.11", "3.12")

    def prepare(self, environment: Environment, progress: Progress) -> None:
        self._refuse_when_broken()
        progress(f"Python {environment.python}: nothing to build")

    def apply(self, workload: Workload) -> Status:
        self._refuse_when_broken()
        checked_name(workload.name)
        held = self.statuses.get(workload.name)
        again = held is not None and workload.kind is Kind.SERVICE and held.state in (State.STOPPED, State.FAILED)
        if held is None or again:
            self.calls.append(("apply", workload.name))
            self.workloads[workload.name] = workload
            self.statuses[workload.name] = self._settled(workload, (held.starts if held else 0) + 1)
        return self.statuses[workload.name]

    def _settled(self, workload: Workload, starts: int) -> Status:
        now = time.time()
        if workload.kind is Kind.SERVICE:
            end = self._ends.get(workload.name, Status(State.READY))
            return dataclasses.replace(end, address=f"http://dummy/{workload.name}", started_at=now, starts=starts)
        end = self._ends.get(workload.name, Status(State.SUCCEEDED, exit_code=0))
        over = end.state in (State.SUCCEEDED, State.FAILED, State.STOPPED)
        return dataclasses.replace(end, started_at=now, ended_at=now if over else None, starts=starts)

    def status(self, name: str) -> Status:
        return self.statuses.get(checked_name(name), Status(State.ABSENT))

    def logs(self, name: str, offset: int = 0, limit: int = 65536) -> Log:
        data = self.printed.get(checked_name(name), "").encode()
        start = max(0, len(data) + offset) if offset < 0 else min(offset, len(data))
        part = data[start : start + limit]
        return Log(part.decode("utf-8", "replace"), start + len(part))

    def stop(self, name: str) -> None:
        self._refuse_when_broken()
        held = self.statuses.get(name)
        if held is not None and held.state.is_up:
            self.calls.append(("stop", name))
            self.statuses[name] = dataclasses.replace(held, state=State.STOPPED, address="", ended_at=time.time())

    def route(self, route: Route) -> RouteStatus:
        self._refuse_when_broken()
        checked(route)
        for backend in route.backends:
            for name in (backend.workload, *backend.more):
                if name not in self.workloads:
                    raise TargetError(f"Release {backend.release} of {route.name} is not there: {name}.")
        held = self.routes.get(route.name)
        if held is None or held.route != route:
            self.calls.append(("route", route.name))
            address = f"http://dummy/{route.name}"
            self.routes[route.name] = RouteStatus(route, address, (held.changes if held else 0) + 1)
        return self.routes[route.name]

    def routed(self, name: str) -> RouteStatus | None:
        return self.routes.get(name)

    def counts(self, name: str) -> dict[str, Counts]:
        return self.counted.get(name, {})

    def remove(self, name: str) -> None:
        self._refuse_when_broken()
        removed = self.routes.pop(name, None) is not None
        for deployment, held in self.routes.items():
            if any(backend.workload == name and backend.weight for backend in held.route.backends):
                raise TargetError(f"{name} still gets requests of {deployment}. Give them to another release first.")
        removed = self.workloads.pop(name, None) is not None or removed
        self.statuses.pop(name, None)
        if removed:
            self.calls.append(("remove", name))

    def discard(self, source: str) -> None:
        self._refuse_when_broken()
        if source in self.sources():
            self.calls.append(("discard", source))
            self.discarded.add(source)

    def sources(self) -> set[str]:
        """The folders that are there: those of every workload that was applied, but the discarded."""
        return {work.source.name for work in self.workloads.values() if work.source} - self.discarded

    def plan(self, wanted: Workload | Route) -> list[Change]:
        if isinstance(wanted, Route):
            return planned(self.routes.get(wanted.name), checked(wanted))
        if wanted.name in self.workloads:
            return [Change("adopt", f"the {wanted.kind} {wanted.name}", "it is there already")]
        return [Change("create", f"the {wanted.kind} {wanted.name}", " ".join(wanted.argv))]

    def _refuse_when_broken(self) -> None:
        if self._broken:
            raise TargetError(self._broken, temporary=True)
