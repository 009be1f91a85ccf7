"""Where the local target keeps its files and sockets, and the lock that guards them."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from engine.artefacts.store import FULL
from engine.targets.base import NoRoom, TargetError
from lib import environment

SOCKET_LIMIT = 100  # bytes; the kernel's own limit is 108 on Linux and 104 on macOS


@dataclass(frozen=True)
class Places:
    """Every path of one local target. Making this object touches nothing."""

    home: Path

    @property
    def root(self) -> Path:
        return self.home / "local"

    @property
    def workloads(self) -> Path:
        return self.root / "workloads"

    @property
    def sources(self) -> Path:
        return self.root / "sources"

    @property
    def programs(self) -> Path:
        return self.root / "programs"

    @property
    def gateway(self) -> Path:
        return self.root / "gateway"

    @property
    def routes(self) -> Path:
        return self.gateway / "routes.json"

    @property
    def resting(self) -> Path:
        """The file that exists while everything is shut down on purpose: then nothing starts by itself."""
        return self.root / "resting"

    @property
    def runtime(self) -> Path:
        """The folder of the sockets: short, because a socket's path may have about a hundred bytes.

        Once chosen it is noted, so that processes with another XDG_RUNTIME_DIR find the same sockets.
        """
        with contextlib.suppress(OSError):
            noted = Path((self.root / "runtime").read_text())
            if noted.parent.is_dir():
                return noted
        return self._choose_runtime()

    def _choose_runtime(self) -> Path:
        digest = hashlib.sha256(str(self.home.resolve()).encode()).hexdigest()[:12]
        base = environment.get("XDG_RUNTIME_DIR")
        if base and os.path.isdir(base) and os.access(base, os.W_OK):
            return Path(base) / f"desirepath-{digest}"
        return Path("/tmp") / f"desirepath-{os.getuid()}-{digest}"  # noqa: S108 - made with 0700 and checked

    @property
    def supervisor_socket(self) -> Path:
        return self.runtime / "supervisor.sock"

    @property
    def gateway_socket(self) -> Path:
        return self.runtime / "gateway.sock"

    def workload(self, name: str) -> Path:
        return self.workloads / name

    def make(self) -> None:
        """Make the folders. Raises TargetError when they cannot be made or are not ours."""
        longest = max(len(os.fsencode(path)) for path in (self.supervisor_socket, self.gateway_socket)) + 12
        if longest > SOCKET_LIMIT:
            raise TargetError(
                f"The path of a socket would be too long: {self.runtime}. "
                "Set XDG_RUNTIME_DIR to a short folder of your own, or unset it."
            )
        try:
            for folder in (self.root, self.workloads, self.programs, self.gateway):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            runtime = self.runtime
            runtime.mkdir(mode=0o700, exist_ok=True)
            if not (self.root / "runtime").exists():
                (self.root / "runtime").write_text(str(runtime))
        except OSError as error:
            if error.errno in FULL:
                raise NoRoom(f"There is no room on the disk for {error.filename}.") from error
            raise TargetError(f"{error.filename} cannot be made: {error.strerror}.") from error
        status = runtime.lstat()
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid() or status.st_mode & 0o077:
            raise TargetError(f"{runtime} is not a folder of yours alone. Remove it, then try again.")

    @contextlib.contextmanager
    def locked(self, seconds: float = 60) -> Iterator[None]:
        """One change at a time, over all processes and threads. Ends with its holder, however that ends."""
        self.make()
        handle = os.open(self.root / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        deadline = time.monotonic() + seconds
        try:
            while True:
                try:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > deadline:
                        raise TargetError("The local target is busy with another change.", temporary=True) from None
                    time.sleep(0.01)
            yield
        finally:
            os.close(handle)
