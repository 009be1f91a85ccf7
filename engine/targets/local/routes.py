"""The routes of one local target: their file, and the notice to the gateway that it has changed."""

from __future__ import annotations

import dataclasses
import json
import shutil
import socket
import time
from typing import Any

from engine.targets.base import Backend, Counts, Route, RouteStatus, TargetError
from engine.targets.local import counters, ports, processes
from engine.targets.local.places import Places

GATEWAY = "_gateway"  # the workload that is the gateway; no other name may begin with an underscore


class Routes:
    """Reading needs no lock; writing needs the target's."""

    def __init__(self, places: Places) -> None:
        self.places = places

    def all(self) -> dict[str, Any]:
        return processes.read_json(self.places.routes) or {"version": 0, "routes": {}}

    def get(self, name: str) -> RouteStatus | None:
        held = self.all()["routes"].get(name)
        return None if held is None else _status(name, held)

    def write(self, routes: dict[str, Any]) -> int:
        """Replace the file; the version that the gateway must have taken."""
        routes["version"] += 1
        processes.write_json(self.places.routes, routes)
        return int(routes["version"])

    def put(self, route: Route, ports_of: dict[str, int]) -> bool:
        """Note the route. False when it is as it was. Raises TargetError for a port that somebody else has."""
        routes = self.all()
        before = routes["routes"].get(route.name)
        after = self._entry(route, before, ports_of, {held["port"] for held in routes["routes"].values()})
        if before is not None and {**before, "changes": 0} == {**after, "changes": 0}:
            return False
        moved_only = before is not None and _asked(before) == _asked(after)
        after["changes"] = (before["changes"] if before else 0) + (0 if moved_only else 1)
        routes["routes"][route.name] = after
        self.write(routes)
        return True

    def _entry(
        self, route: Route, before: dict[str, Any] | None, ports_of: dict[str, int], taken: set[int]
    ) -> dict[str, Any]:
        if route.port is not None and (before is None or before["port"] != route.port):
            if route.port in taken or not ports.is_free(route.port):
                raise TargetError(
                    f"Port {route.port} is taken by another program. End that program, ask for another port, "
                    f"or leave the port out: {route.name} is then given one."
                )
            port = route.port
        elif before is not None:
            port = before["port"]
        else:
            port = ports.choose(f"{self.places.home}/route/{route.name}", taken | set(ports_of.values()))
        ports_by = {b.release: [ports_of[name] for name in (b.workload, *b.more)] for b in route.backends}
        backends = [
            dataclasses.asdict(backend) | {"more": list(backend.more), "ports": ports_by[backend.release]}
            for backend in route.backends
        ]
        return {
            "port": port, "asked_port": route.port, "fallback": route.fallback, "own_errors": route.own_errors,
            "backends": backends, "changes": 0,
        }  # fmt: skip

    def drop(self, name: str) -> bool:
        routes = self.all()
        if name not in routes["routes"]:
            return False
        del routes["routes"][name]
        self.write(routes)
        return True

    def restore(self, name: str, before: dict[str, Any] | None) -> None:
        """Put the route back as it was, after the gateway could not use the new one."""
        routes = self.all()
        if before is None:
            routes["routes"].pop(name, None)
        else:
            routes["routes"][name] = before
        self.write(routes)

    def gateway_answer(self, seconds: float) -> dict[str, str] | None:
        """Tell the gateway and wait until it holds what the file says: its problems by route, None when it is away."""
        wanted = self.all()["version"]
        deadline = time.monotonic() + seconds
        while True:
            answer = self._ask()
            if answer is not None and answer["version"] >= wanted:
                problems: dict[str, str] = answer["problems"]
                return problems
            if time.monotonic() > deadline:
                return None
            time.sleep(0.02)

    def _ask(self) -> dict[str, Any] | None:
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
                line.settimeout(5)
                line.connect(str(self.places.gateway_socket))
                line.sendall(b"look\n")
                answer = json.loads(line.makefile("rb").readline())
        except (OSError, ValueError):
            return None
        return answer if isinstance(answer, dict) else None

    def counts(self, name: str) -> dict[str, Counts]:
        folder = self.places.gateway / "counts" / name
        files = sorted(folder.glob("*.counts")) if folder.is_dir() else []
        return {path.stem: Counts(*counters.read(path)) for path in files}

    def forget_counts(self, name: str) -> None:
        shutil.rmtree(self.places.gateway / "counts" / name, ignore_errors=True)


def _asked(entry: dict[str, Any]) -> Any:
    """A route without the ports of its workloads, because a moved port is no change of the route."""
    return [entry["port"], entry["fallback"], entry.get("own_errors", False),
            [[backend["release"], backend["workload"], backend["weight"], list(backend.get("more", ()))]
             for backend in entry["backends"]]]  # fmt: skip


def _status(name: str, held: dict[str, Any]) -> RouteStatus:
    backends = tuple(
        Backend(backend["release"], backend["workload"], backend["weight"], tuple(backend.get("more", ())))
        for backend in held["backends"]
    )
    route = Route(name, backends, held["fallback"], held["asked_port"], held.get("own_errors", False))
    return RouteStatus(route, f"http://127.0.0.1:{held['port']}", held["changes"])
