"""Validates a route and describes its changes, for every target. Writes nothing."""

from __future__ import annotations

from engine.targets.base import Change, Route, RouteStatus, TargetError
from engine.targets.naming import checked_name


def checked(route: Route) -> Route:
    """Raises TargetError for a route that cannot be."""
    checked_name(route.name)
    releases = [checked_name(backend.release) for backend in route.backends]
    if not releases or len(set(releases)) != len(releases):
        raise TargetError(f"The route {route.name} needs releases, each named once.")
    weights = [backend.weight for backend in route.backends]
    if any(weight < 0 for weight in weights) or sum(weights) != 100:
        total = " + ".join(map(str, weights))
        raise TargetError(f"The weights of {route.name} are {total}: they must add up to 100.")
    if route.fallback is not None and route.fallback not in releases:
        raise TargetError(f"{route.name} falls back to release {route.fallback}, which is not among its releases.")
    return route


def planned(before: RouteStatus | None, wanted: Route) -> list[Change]:
    """A line per release whose share changes."""
    if before is None:
        shares = ", ".join(f"release {backend.release} {backend.weight} %" for backend in wanted.backends)
        return [Change("create", f"the address of {wanted.name}", shares)]
    old = {backend.release: backend for backend in before.route.backends}
    new = {backend.release: backend for backend in wanted.backends}
    changes = []
    for release in sorted(old.keys() | new.keys()):
        was = f"{old[release].weight} %" if release in old else "not there"
        will = f"{new[release].weight} %" if release in new else "not there"
        if old.get(release) != new.get(release):
            changes.append(Change("change", f"the traffic of {wanted.name}", f"release {release}: {was} → {will}"))
    if before.route.fallback != wanted.fallback:
        changes.append(Change("change", f"the fallback of {wanted.name}", f"release {wanted.fallback or 'none'}"))
    if wanted.port is not None and not before.address.endswith(f":{wanted.port}"):
        changes.append(Change("change", f"the address of {wanted.name}", f"port {wanted.port}"))
    return changes or [Change("nothing", f"{wanted.name} is routed so already")]
