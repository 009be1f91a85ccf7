"""The local target: the contract, put together from files, supervisord, the shim and the gateway."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from pathlib import Path
from typing import Any, ClassVar

from engine.artefacts.store import ArtefactError, Artefacts
from engine.targets.base import (
    Change,
    Counts,
    Environment,
    Kind,
    Log,
    Progress,
    Route,
    RouteStatus,
    Source,
    State,
    Status,
    Target,
    TargetError,
    Workload,
)
from engine.targets.local import backup, ports, processes
from engine.targets.local.environments import Environments
from engine.targets.local.machine import installed, uv
from engine.targets.local.places import Places
from engine.targets.local.routes import GATEWAY, Routes
from engine.targets.local.sources import Sources
from engine.targets.local.supervisor import Supervisor
from engine.targets.local.workloads import SYSTEM_PATH, Folder, spec_of, status_of
from engine.targets.naming import NAME, checked_name
from engine.targets.routing import checked, planned

GATEWAY_PROGRAM = Path(__file__).with_name("gateway.py")
GATEWAY_WAIT = 15.0  # seconds until a gateway that was killed is back


class LocalTarget(Target):
    """Making this object touches nothing; supervisord starts with the first workload or route.

    Any number of processes may use the same home at once.
    """

    kind: ClassVar[str] = "local"

    def __init__(self, home: Path) -> None:
        self.places = Places(Path(home).resolve())
        self.artefacts = Artefacts(self.places.home / "artefacts")
        self.environments = Environments(self.places.home / "environments")
        self.sources = Sources(self.places.sources)
        self.supervisor = Supervisor(self.places)
        self.routes = Routes(self.places)

    # -- the machine -------------------------------------------------------------------------------

    def check(self) -> list[str]:
        problems = []
        try:
            uv()
            self.places.make()
            if shutil.disk_usage(self.places.root).free < 256 << 20:
                problems.append(f"Less than 256 MB are left where {self.places.home} is.")
        except TargetError as error:
            problems.append(str(error))
        return problems

    def start(self) -> None:
        """Bring back everything that should run, on the same ports: after a reboot, `shutdown` or a kill."""
        with self.places.locked():
            self.places.resting.unlink(missing_ok=True)
            self._ensure()
            if self.routes.all()["routes"]:
                self._tell()

    def tend(self) -> None:
        """Start supervisord where it was killed, because only it starts a killed gateway or service again."""
        backup.bring_back(self)
        wanted = any(self.places.programs.glob("*.ini")) and not self.places.resting.exists()
        if wanted and not self.supervisor.pid():
            with contextlib.suppress(TargetError), self.places.locked():
                if not self.places.resting.exists():
                    self._ensure()

    def shutdown(self) -> None:
        """End every workload, the gateway and supervisord. `start` brings the services back; jobs stay ended."""
        if not self.places.root.exists():
            return
        with self.places.locked():
            self.places.resting.touch()
            self.supervisor.end()
            for folder in self._folders():
                shim = folder.state.get("shim")
                if shim and processes.lives(shim):
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(shim["pid"], 15)
            for folder in self._folders():
                folder.end()
            processes.wait_for_none(str(self.places.root), seconds=20)
            shutil.rmtree(self.places.runtime, ignore_errors=True)
            (self.places.root / "runtime").unlink(missing_ok=True)

    def _ensure(self) -> None:
        """With the lock held: start supervisord and every workload that should run. Cheap when they do."""
        if not self.supervisor.pid():
            self._find_new_ports()
            self._write_gateway()
            self.supervisor.ensure()
        elif self.supervisor.ensure():
            self._find_new_ports()
        for folder in self._folders():
            if self._missing(folder):
                self._launch(folder.path.name, folder)

    def _missing(self, folder: Folder) -> bool:
        """Whether a shim should run here and none does."""
        spec, state = folder.spec, folder.state
        if spec is None or spec["wanted"] != "run" or folder.kept():
            return False
        if spec["kind"] == Kind.JOB:
            over = state.get("ended_at") is not None
            return not over and (not state.get("program") or processes.lives(state["program"]))
        return not state.get("gave_up")

    def _launch(self, name: str, folder: Folder) -> None:
        spec = folder.spec
        assert spec is not None
        self.supervisor.install(name, autostart=spec["kind"] == Kind.SERVICE)
        self.supervisor.start(name)

    def _find_new_ports(self) -> None:
        """Give services another port where a foreign program has theirs. Call it while ours do not run."""
        moved = False
        for folder in self._folders():
            spec = folder.spec
            if spec is None or not spec["port"] or spec["wanted"] != "run":
                continue
            if not folder.lives() and not ports.is_free(spec["port"]):
                self._respecify(folder, spec, self._choose_port(spec["name"]))
                moved = True
        if moved:
            self._follow_ports()

    def _respecify(self, folder: Folder, spec: dict[str, Any], port: int | None) -> None:
        workload = Workload.read(spec["workload"])
        python = Path(spec["python"]) if spec["python"] else None
        folder.write_spec(self._spec_of(workload, folder, python=python, port=port))

    def _follow_ports(self) -> None:
        """Write the gateway's routes again after a workload got another port."""
        for name in self.routes.all()["routes"]:
            held = self.routes.get(name)
            if held is not None:
                self.routes.put(held.route, self._ports_of(held.route))

    def _folders(self) -> list[Folder]:
        try:
            names = sorted(os.listdir(self.places.workloads))
        except FileNotFoundError:
            return []
        return [Folder(self.places.workload(name)) for name in names if NAME.fullmatch(name) or name == GATEWAY]

    # -- environments ------------------------------------------------------------------------------

    def pythons(self) -> tuple[str, ...]:
        return tuple(installed())

    def prepare(self, environment: Environment, progress: Progress) -> None:
        self.environments.prepare(environment, progress)

    # -- workloads ---------------------------------------------------------------------------------

    def apply(self, workload: Workload) -> Status:
        folder = Folder(self.places.workload(checked_name(workload.name)))
        if self._settled(folder):
            return self.status(workload.name)
        with self.places.locked():
            self.places.resting.unlink(missing_ok=True)
            spec = folder.spec
            if spec is None:
                wanted = "prepare" if workload.environment or workload.source else "run"
                folder.write_secrets(workload.secrets)
                folder.write_spec(self._specify(workload, folder, python=None) | {"wanted": wanted})
        spec = folder.spec or {}
        if spec.get("wanted") == "prepare":
            self._build(workload, folder)
        with self.places.locked():
            self._revive(workload, folder)
            self._ensure()
        return self.status(workload.name)

    def _settled(self, folder: Folder) -> bool:
        """Whether nothing is to be done: it runs, or it is a job that was started once. Needs no lock."""
        spec, state = folder.spec, folder.state
        if spec is None or spec["wanted"] == "prepare":
            return False
        if spec["kind"] == Kind.JOB and (state.get("ended_at") is not None or spec["wanted"] == "stop"):
            return True
        return spec["wanted"] == "run" and folder.kept() and not state.get("gave_up") and bool(self.supervisor.pid())

    def _specify(self, workload: Workload, folder: Folder, *, python: Path | None) -> dict[str, Any]:
        spec = folder.spec
        port = spec["port"] if spec else None
        if workload.kind is Kind.SERVICE and workload.health and port is None:
            port = self._choose_port(workload.name)
        return self._spec_of(workload, folder, python=python, port=port)

    def _spec_of(self, workload: Workload, folder: Folder, *, python: Path | None, port: int | None) -> dict[str, Any]:
        source = self.sources.folder(workload.source) if workload.source else None
        return spec_of(workload, folder.path, self.artefacts, python=python, port=port, source=source)

    def _build(self, workload: Workload, folder: Folder) -> None:
        """Build its environment, without the lock as it may take a minute. A failure is recorded; `apply` retries."""
        try:
            python = self._make_room_for(workload)
        except TargetError as error:
            folder.write_spec((folder.spec or {}) | {"broken": str(error)})
            raise
        with self.places.locked():
            if (folder.spec or {}).get("wanted") == "prepare":
                folder.write_spec(self._specify(workload, folder, python=python))

    def _make_room_for(self, workload: Workload) -> Path | None:
        """Make its source folder and its environment. Returns the environment's interpreter."""
        if workload.source:
            self.sources.make(workload.source, self._archive(workload.source))
        if workload.environment is None:
            return None
        return self.environments.prepare(workload.environment, lambda line: None)

    def _archive(self, source: Source) -> Path:
        try:
            return self.artefacts.path(source.archive)
        except ArtefactError as error:
            raise TargetError(str(error)) from error

    def _revive(self, workload: Workload, folder: Folder) -> None:
        """Start a stopped or failed service again, on another port when its own is taken."""
        spec, state = folder.spec, folder.state
        if spec is None or spec["kind"] != Kind.SERVICE or folder.kept():
            return
        if spec["wanted"] == "stop" or state.get("gave_up"):
            if workload.source:
                self.sources.make(workload.source, self._archive(workload.source))
            if spec["port"] and not ports.is_free(spec["port"]):
                self._respecify(folder, spec, self._choose_port(workload.name))
            else:
                self._respecify(folder, spec, spec["port"])
            processes.write_json(folder.path / "state.json", state | {"gave_up": False, "ended_at": None})
            self._follow_ports()

    def _choose_port(self, name: str) -> int:
        taken = {spec["port"] for folder in self._folders() if (spec := folder.spec) and spec["port"]}
        taken |= {held["port"] for held in self.routes.all()["routes"].values()}
        return ports.choose(f"{self.places.home}/workload/{name}", taken)

    def status(self, name: str) -> Status:
        folder = Folder(self.places.workload(checked_name(name)))
        self._heal(folder)
        status = status_of(folder, self.artefacts)
        if status.ended_at is not None and status.state is not State.STARTING:
            self._forget_program(folder)
        return status

    def _heal(self, folder: Folder) -> None:
        """Start what should run and was killed."""
        spec = folder.spec
        if spec is None or spec["wanted"] != "run" or self.places.resting.exists():
            return
        if self._missing(folder) or (spec["kind"] == Kind.SERVICE and not self.supervisor.pid()):
            with contextlib.suppress(TargetError), self.places.locked():  # else the next call does it
                self._ensure()

    def _forget_program(self, folder: Folder) -> None:
        """Remove an ended job from supervisord, which reads all its programs at each start of one."""
        spec = folder.spec
        if spec and spec["kind"] == Kind.JOB and (self.places.programs / f"{spec['name']}.ini").exists():
            with self.places.locked():
                self.supervisor.uninstall(spec["name"])

    def logs(self, name: str, offset: int = 0, limit: int = 65536) -> Log:
        data, end = Folder(self.places.workload(checked_name(name))).printed(offset, limit)
        return Log(data.decode("utf-8", "replace"), end)

    def stop(self, name: str) -> None:
        folder = Folder(self.places.workload(checked_name(name)))
        if not folder.path.exists():
            return
        with self.places.locked():
            spec = folder.spec
            if spec is None:
                return
            if spec["wanted"] != "stop":
                folder.write_spec(spec | {"wanted": "stop"})
            self.supervisor.uninstall(name)
        folder.end()

    # -- routes ------------------------------------------------------------------------------------

    def route(self, route: Route) -> RouteStatus:
        checked(route)
        with self.places.locked():
            self.places.resting.unlink(missing_ok=True)
            before = self.routes.all()["routes"].get(route.name)
            self.routes.put(route, self._ports_of(route))
            self._ensure_gateway()
            problem = self._tell().get(route.name)
            if problem:
                port = self.routes.all()["routes"][route.name]["port"]
                self.routes.restore(route.name, before)
                raise TargetError(
                    f"Port {port} of {route.name} cannot be listened on ({problem}). "
                    f"End the program that has it (`ss -ltnp 'sport = :{port}'` names it) or ask for another port."
                )
        route_status = self.routes.get(route.name)
        assert route_status is not None
        return route_status

    def _tell(self) -> dict[str, str]:
        problems = self.routes.gateway_answer(GATEWAY_WAIT)
        if problems is None:
            last = Folder(self.places.workload(GATEWAY)).last_line()
            raise TargetError(f"The gateway does not answer. {last}".strip(), temporary=True)
        return problems

    def _ports_of(self, route: Route) -> dict[str, int]:
        assigned: dict[str, int] = {}
        for backend in route.backends:
            for workload in (backend.workload, *backend.more):
                spec = Folder(self.places.workload(checked_name(workload))).spec
                if spec is None or not spec["port"]:
                    raise TargetError(f"Release {backend.release} of {route.name} is not there: {workload}.")
                assigned[workload] = spec["port"]
        return assigned

    def _ensure_gateway(self) -> None:
        self._write_gateway()
        self._ensure()

    def _write_gateway(self) -> None:
        """Write the gateway's workload. It is like any other, but is started again however often it fails."""
        if not self.routes.all()["routes"]:
            return
        folder = Folder(self.places.workload(GATEWAY))
        argv = [sys.executable, "-I", "-S", str(GATEWAY_PROGRAM), str(self.places.gateway),
                str(self.places.gateway_socket)]  # fmt: skip
        spec = {
            "name": GATEWAY, "kind": Kind.SERVICE.value, "argv": argv, "always": True, "wanted": "run", "port": None,
            "health": "", "timeout": None, "memory_mb": None, "python": None,
            "env": {"PATH": SYSTEM_PATH, "LANG": "C.UTF-8", processes.TAG: str(folder.path)},
        }  # fmt: skip
        if folder.spec != spec:
            folder.write_spec(spec)
        self.supervisor.install(GATEWAY, autostart=True)

    def routed(self, name: str) -> RouteStatus | None:
        return self.routes.get(checked_name(name))

    def counts(self, name: str) -> dict[str, Counts]:
        return self.routes.counts(checked_name(name))

    # -- both --------------------------------------------------------------------------------------

    def remove(self, name: str) -> None:
        checked_name(name)
        if not self.places.root.exists():
            return
        self._remove_route(name)
        self._refuse_while_routed(name)
        self.stop(name)
        with self.places.locked():
            Folder(self.places.workload(name)).delete()

    def discard(self, source: str) -> None:
        self.sources.discard(checked_name(source))

    def _remove_route(self, name: str) -> None:
        with self.places.locked():
            if self.routes.drop(name) and not self.places.resting.exists():
                self._ensure_gateway()
                self.routes.gateway_answer(GATEWAY_WAIT)
            self.routes.forget_counts(name)

    def _refuse_while_routed(self, name: str) -> None:
        for deployment, held in self.routes.all()["routes"].items():
            for backend in held["backends"]:
                if name in (backend["workload"], *backend.get("more", ())) and backend["weight"]:
                    raise TargetError(
                        f"{name} still gets {backend['weight']} % of the requests of {deployment}. "
                        "Give its traffic to another release first."
                    )

    def plan(self, wanted: Workload | Route) -> list[Change]:
        if isinstance(wanted, Route):
            return planned(self.routed(wanted.name), checked(wanted))
        spec = Folder(self.places.workload(checked_name(wanted.name))).spec
        what = f"the {wanted.kind} {wanted.name}"
        changes = []
        if wanted.environment and self.environments.find(wanted.environment) is None:
            packages = ", ".join(wanted.environment.requirements)
            changes.append(Change("create", f"an environment with Python {wanted.environment.python}", packages))
        if spec is None:
            return [*changes, Change("create", what, " ".join(wanted.argv))]
        if wanted.kind is Kind.SERVICE and spec["wanted"] == "stop":
            return [*changes, Change("change", what, "start it again")]
        return [Change("adopt", what, "it is there already")]
