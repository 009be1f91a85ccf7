"""The contract every target keeps.

A target is where work runs: local processes, a cluster. Nothing else in the engine touches processes or networks. Every
verb is idempotent: called again with the same name, it adopts what is there. So an engine that was killed before it
stored what it did may repeat it.
"""

from __future__ import annotations

import dataclasses
import enum
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from engine.artefacts.store import DiskFull

Progress = Callable[[str], None]


class TargetError(Exception):
    """The target refused or failed. `temporary` says whether trying again can help."""

    def __init__(self, message: str, *, temporary: bool = False) -> None:
        super().__init__(message)
        self.temporary = temporary


class NoRoom(TargetError, DiskFull):
    """The disk of the target is full. Nothing is lost; trying again helps when there is room."""

    def __init__(self, message: str) -> None:
        super().__init__(message, temporary=True)


@dataclass(frozen=True)
class Environment:
    """A Python with packages. Named by the interpreter's version and the digest of its resolved requirements."""

    python: str  # "3.11"; the target picks an interpreter of this minor version or refuses and names what is missing
    requirements: tuple[str, ...]  # requirement lines, for example ("scikit-learn==1.7.2", "pandas<3")
    optional: tuple[str, ...] = ()  # installed with them when they resolve together, left out otherwise

    @classmethod
    def read(cls, stored: Mapping[str, Any]) -> Environment:
        """From what `dataclasses.asdict` gave, through JSON."""
        return cls(stored["python"], tuple(stored["requirements"]), tuple(stored["optional"]))


class Kind(enum.StrEnum):
    SERVICE = "service"
    JOB = "job"


@dataclass(frozen=True)
class Source:
    """A folder of somebody's own code, which programs start in. Those that name the same one share what they write."""

    name: str  # unique on the target: the folder is made once under it
    archive: str  # sha256 of a .tar.gz or .zip; a single folder at its top is left out


@dataclass(frozen=True)
class Workload:
    """What to run. In `argv` and `env` the target fills `{python}`, `{port}`, `{result}`, `{outputs}`, `{runtimes}`
    (the folder of `model_runtime`, for PYTHONPATH), `{source}` (that folder's path) and `{artefact:SHA256}` (that
    file's path); other braces stay. `secrets` are taken as they are.

    A job may write one JSON object to `{result}` (also in its environment as RESULT); `status().result` returns it.
    Files it writes into the folder `{outputs}` (OUTPUTS) are stored as artefacts; `status().files` names them.
    The environment of the process is built from nothing: `env`, `secrets`, PATH (the environment's programs first),
    HOME (a scratch folder, also TMPDIR, and where it starts unless it has a source), LANG, and PORT, or RESULT and
    OUTPUTS.
    """

    name: str  # unique on the target and for ever: a release's or a hash of run, leaf and iteration (and attempt)
    kind: Kind
    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    environment: Environment | None = None
    # The path a service answers with 200 on when it is ready. "": it has no port, and is ready when it has run a moment
    health: str = "/"
    any_answer: bool = False  # ready with any answer below 500: what a program says there is its own affair
    source: Source | None = None
    # More of its environment. Kept apart, never in `status`, and struck out of what `logs` and reasons say.
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    timeout: float | None = None  # seconds a job may run before SIGTERM, then SIGKILL ten seconds later
    memory_mb: int | None = None
    cpu_seconds: int | None = None  # of processor time, over all its life
    file_mb: int | None = None  # how large a file it may write
    labels: Mapping[str, str] = field(default_factory=dict)  # deployment, release, run, step, attempt

    def stored(self) -> dict[str, Any]:
        """As JSON, without its secrets."""
        return {**dataclasses.asdict(dataclasses.replace(self, secrets={})), "kind": self.kind.value}

    @classmethod
    def read(cls, stored: Mapping[str, Any], secrets: Mapping[str, str] | None = None) -> Workload:
        """From what `stored` gave, also by an older version of it."""
        made, source = stored["environment"], stored.get("source")
        return cls(**{
            **stored,
            "kind": Kind(stored["kind"]),
            "argv": tuple(stored["argv"]),
            "environment": made and Environment.read(made),
            "source": source and Source(**source),
            "secrets": dict(secrets or {}),
        })  # fmt: skip


class State(enum.StrEnum):
    ABSENT = "absent"  # the target knows nothing of this name
    PREPARING = "preparing"  # its environment is being built
    STARTING = "starting"  # the process lives and is not ready yet
    READY = "ready"  # a service whose health path answers 200
    RUNNING = "running"  # a job at work
    SUCCEEDED = "succeeded"  # a job that exited with 0
    FAILED = "failed"  # exited otherwise, or cannot start; `reason` says why
    STOPPED = "stopped"  # ended on request

    @property
    def is_up(self) -> bool:
        """Whether it runs or is about to."""
        return self in (State.PREPARING, State.STARTING, State.READY, State.RUNNING)


@dataclass(frozen=True)
class Status:
    state: State
    reason: str = ""  # a sentence for a person
    address: str = ""  # http://127.0.0.1:PORT of a service
    exit_code: int | None = None
    started_at: float | None = None  # seconds since the epoch
    ended_at: float | None = None
    starts: int = 0  # how often the program itself was really started, over all adoptions
    result: dict[str, Any] | None = None
    files: Mapping[str, str] = field(default_factory=dict)  # name → sha256 of what a job left in `{outputs}`


@dataclass(frozen=True)
class Log:
    text: str  # decoded with replacement
    offset: int  # bytes; pass it back to read on


@dataclass(frozen=True)
class Backend:
    release: str  # "3": a release's number
    workload: str
    weight: int  # 0–100; the weights of a route add up to 100
    more: tuple[str, ...] = ()  # other workloads of the same release, which answer in turn with the first


@dataclass(frozen=True)
class Route:
    """How a deployment's requests are split. A backend of weight 0 is a preview, reached with the header
    `X-Desirepath-Release: N`. A request that fails on one backend (connection refused, 502, 503, 500 on idempotent
    inference) is tried again on `fallback`, or on the other backend with traffic when it was the fallback that failed.
    A request that asked for a release by the header is answered by that one alone. With `own_errors` an answer of 500
    and above is the program's own affair: it goes to the client, and only a program that is not there is stood in for.
    """

    name: str  # the deployment
    backends: tuple[Backend, ...]
    fallback: str | None = None  # a release among the backends
    port: int | None = None  # asked for; None: the target gives one and keeps it for ever
    own_errors: bool = False


@dataclass(frozen=True)
class RouteStatus:
    route: Route
    address: str  # the stable address of the deployment
    changes: int  # how many times the route really changed


@dataclass(frozen=True)
class Counts:
    """What a release was asked through the gateway since the release's first request."""

    requests: int
    errors: int  # answers of 500 and above, and refused connections
    retried: int  # answered by the fallback instead
    latency_ms_p50: float | None
    latency_ms_p95: float | None


@dataclass(frozen=True)
class Change:
    """A line of a plan: what `apply`, `route` or `remove` would do."""

    verb: str  # create, change, adopt, remove, nothing
    what: str  # in a person's words
    detail: str = ""


class Target(ABC):
    """Where work runs. Subclasses raise `TargetError` with a sentence that says what happened and what to do."""

    kind: ClassVar[str]

    @abstractmethod
    def check(self) -> list[str]:
        """Sentences about what keeps this target from working; empty when it is fine."""

    def tend(self) -> None:
        """Bring back what should run and does not, because it was killed. The engine calls it every second."""
        return

    @abstractmethod
    def pythons(self) -> tuple[str, ...]:
        """Minor versions an Environment can be built with here, oldest first: ("3.10", "3.11")."""

    @abstractmethod
    def prepare(self, environment: Environment, progress: Progress) -> None:
        """Build an environment, or return at once where it stands. May take a minute; safe from several processes."""

    @abstractmethod
    def apply(self, workload: Workload) -> Status:
        """Start this workload unless one of its name exists, which is adopted as it is. A job that was started is never
        started again; a service that was stopped or had failed is. Builds the environment where `prepare` has not."""

    @abstractmethod
    def status(self, name: str) -> Status: ...

    @abstractmethod
    def logs(self, name: str, offset: int = 0, limit: int = 65536) -> Log:
        """What the workload printed, from a byte offset; a negative offset counts from the end."""

    @abstractmethod
    def stop(self, name: str) -> None:
        """End the workload: SIGTERM to its process group, SIGKILL after ten seconds. Its logs and result stay."""

    @abstractmethod
    def route(self, route: Route) -> RouteStatus:
        """Make the deployment's traffic so. The same route again changes nothing."""

    @abstractmethod
    def routed(self, name: str) -> RouteStatus | None: ...

    @abstractmethod
    def counts(self, name: str) -> dict[str, Counts]:
        """Per release."""

    @abstractmethod
    def remove(self, name: str) -> None:
        """Take a workload, or a route of that name, away; its artefacts stay. Nothing there is fine."""

    @abstractmethod
    def discard(self, source: str) -> None:
        """Delete the folder of a source; what ran in it has been stopped. Nothing there is fine."""

    @abstractmethod
    def plan(self, wanted: Workload | Route) -> list[Change]:
        """What `apply` or `route` would change. Writes nothing."""
