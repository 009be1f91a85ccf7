"""The local target's files in a backup, and their recovery in another folder with environments built anew.

A job that had not ended is left out, because its step starts it again under the same name. A service's specification is
included. Paths are computed again, because a home may be recovered into another folder.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.targets.base import Kind, NoRoom, TargetError, Workload
from engine.targets.local import ports
from engine.targets.local.routes import GATEWAY
from engine.targets.local.workloads import Folder

if TYPE_CHECKING:
    from engine.targets.local.target import LocalTarget

AGAIN = 20.0  # seconds until an environment that could not be built is tried again
Kept = tuple[str, Path | bytes]  # a name below `local/`, and a file or what is in it


def kept(target: LocalTarget) -> Iterator[Kept]:
    """Every file that a backup takes along, read at most once each."""
    for path in sorted(target.places.gateway.glob("*.json")):
        yield f"gateway/{path.name}", path
    for folder in target._folders():
        spec = folder.spec
        if spec is None or folder.path.name == GATEWAY:
            continue
        named = f"workloads/{folder.path.name}"
        yield from _service(named, folder, spec) if spec["kind"] == Kind.SERVICE else _job(named, folder, spec)


def _service(named: str, folder: Folder, spec: dict[str, Any]) -> Iterator[Kept]:
    yield f"{named}/spec.json", json.dumps(spec).encode()
    for name in ("starts", "secrets.json"):
        if (folder.path / name).exists():
            yield f"{named}/{name}", folder.path / name


def _job(named: str, folder: Folder, spec: dict[str, Any]) -> Iterator[Kept]:
    state = folder.state
    if state.get("ended_at") is None:
        return
    yield f"{named}/spec.json", json.dumps(spec).encode()
    # A process of another machine, or of the home that was copied, must not be taken for ours.
    yield f"{named}/state.json", json.dumps({k: v for k, v in state.items() if k not in ("shim", "program")}).encode()
    for path in sorted(folder.path.iterdir()):
        if path.name in ("result.json", "files.json", "starts") or path.name.startswith("log."):
            yield f"{named}/{path.name}", path
    if not (folder.path / "files.json").exists():
        for path in sorted((folder.path / "outputs").rglob("*")):
            if path.is_file() and not path.is_symlink():
                yield f"{named}/outputs/{path.relative_to(folder.path / 'outputs')}", path


def settle(target: LocalTarget) -> list[str]:
    """After the files are back: note which services have to be built again. Returns their names."""
    problems = []
    for folder in target._folders():
        spec = folder.spec
        if spec and spec["kind"] == Kind.SERVICE:
            folder.write_spec(spec | {"wanted": "prepare", "then": spec.get("then") or spec["wanted"]})
            problems.append(folder.path.name)
    if problems:
        _waiting(target).touch()
    return problems


def bring_back(target: LocalTarget) -> None:
    """Build what a recovered home's services need and start those that ran. The engine calls it every second.

    What cannot be built, perhaps because the network is away, is tried again after a while.
    """
    waiting = _waiting(target)
    try:
        if time.time() < waiting.stat().st_mtime:
            return
    except FileNotFoundError:
        return
    left = [folder for folder in target._folders() if not _back(target, folder)]
    with contextlib.suppress(TargetError), target.places.locked():  # a route to what is gone stays as it is
        target._ensure()
        target._follow_ports()
        target._ensure_gateway()
        target.routes.gateway_answer(1.0)
    if left:
        os.utime(waiting, (time.time(), time.time() + AGAIN))
    else:
        waiting.unlink(missing_ok=True)


def _back(target: LocalTarget, folder: Folder) -> bool:
    """Whether this workload is back, or need not come back."""
    spec = folder.spec
    if spec is None or "then" not in spec:
        return True
    workload = Workload.read(spec["workload"])
    try:
        python = target._make_room_for(workload)
        with target.places.locked():
            free = not spec["port"] or ports.is_free(spec["port"])
            port = spec["port"] if free else target._choose_port(workload.name)
            new = target._spec_of(workload, folder, python=python, port=port)
            folder.write_spec(new | {"wanted": spec["then"]})
    except TargetError as error:
        with contextlib.suppress(NoRoom):
            folder.write_spec(spec | {"broken": f"{error} It is tried again."})
        return False
    return True


def _waiting(target: LocalTarget) -> Path:
    """The file that exists while a workload has still to come back. Its time, if in the future, is the next attempt."""
    return target.places.root / "recovered"
