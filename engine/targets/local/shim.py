"""The process around one workload's program. It records how the program ended, whatever else is killed.

    python -I -S shim.py FOLDER

A supervisord killed with -9 orphans its children, starts jobs again and loses their exit codes. So the state is in the
workload's folder: `lock` (held by the one shim in charge), `state.json` (replaced as a whole), `starts` (a line for
each real start), `log.OFFSET` (its output). A second shim waits for the lock and then continues. Standard library only,
and few modules of it, because a shim has to start in milliseconds.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import resource
import select
import signal
import sys
import time
from pathlib import Path

TYPE_CHECKING = False  # as in `typing`, which would cost more to import than all the rest
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from engine.targets.local import logs, processes
else:  # run as an isolated program: only our own folder is added to the path
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    import logs
    import processes

GRACE = 10.0  # seconds between SIGTERM and SIGKILL
QUICK = 10.0  # seconds: a service that ends sooner than this failed to start
TRIES = 3  # quick failures in a row before a service is given up
KILLED_TRIES = 8  # the same when SIGKILL ended it: whoever did that may stop doing it
PAUSES = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)  # seconds before a service is started again


class Stopped(Exception):
    """SIGTERM came while the shim was waiting for its turn."""


class Shim:
    """One program from start to end. Every method runs with the lock held, but `wait_for_turn`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.parent = os.getppid()
        self.asked_to_stop = False
        self.listened = False  # a service that once listened did not fail to start, however soon it ended
        self.state: dict[str, Any] = {}
        self.source: int | None = None  # where the program's output is read
        self.wake, self.waker = os.pipe()
        for end in (self.wake, self.waker):
            os.set_blocking(end, False)

    # -- the lock ----------------------------------------------------------------------------------

    def wait_for_turn(self) -> None:
        """Take the lock; SIGTERM while waiting is handed on to the shim that holds it."""
        signal.signal(signal.SIGTERM, _raise_stopped)
        lock = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
        except Stopped:
            self.asked_to_stop = True
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            self._hand_on()
            fcntl.flock(lock, fcntl.LOCK_EX)
        signal.set_wakeup_fd(self.waker, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_stop)
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def _hand_on(self) -> None:
        state = processes.read_json(self.folder / "state.json") or {}
        if processes.lives(state.get("shim")):
            with contextlib.suppress(ProcessLookupError):
                os.kill(state["shim"]["pid"], signal.SIGTERM)

    def _on_stop(self, *_: object) -> None:
        self.asked_to_stop = True

    def orphaned(self) -> bool:
        """Our supervisord is gone: a new one has started (or will start) a shim that waits for our lock."""
        return os.getppid() != self.parent

    # -- the life of the program -------------------------------------------------------------------

    def run(self) -> None:
        self.wait_for_turn()
        self.state = processes.read_json(self.folder / "state.json") or {}
        self.read_spec()
        adopted = processes.lives(self.state.get("program"))
        self.state["shim"] = processes.identity(os.getpid())
        if adopted:
            self.note()
            self.watch()
            if self.spec["kind"] == "job" or not self.again():
                return
        if self.spec["kind"] == "job":
            self.run_job()
        else:
            self.run_service()

    def read_spec(self) -> None:
        """What to run; read again before each start, because its port may have changed."""
        spec = processes.read_json(self.folder / "spec.json")
        if spec is None:
            raise SystemExit(0)  # removed in the meantime
        self.spec = spec

    def run_job(self) -> None:
        """Once, and never again: a job whose start is on record is not started a second time."""
        if self.state.get("ended_at") is not None:
            return
        if self.state.get("program"):
            self.finish(None)  # it was running when it and its shim were killed
        elif not self.orphaned() and not self.asked_to_stop and self.spec["wanted"] == "run":
            self.start()
            self.watch()

    def run_service(self) -> None:
        self.state.update(failures=0, gave_up=False)
        while not self.orphaned() and not self.asked_to_stop and self.spec["wanted"] == "run":
            self.start()
            self.watch()
            if not self.again():
                return

    def again(self) -> bool:
        """Whether to start a service again that has ended. Waits before the next start."""
        self.read_spec()
        if self.asked_to_stop or self.spec["wanted"] != "run" or self.orphaned():
            return False
        lived = self.state["ended_at"] - self.state["started_at"]
        failed = lived < QUICK and not self.listened
        failures = self.state["failures"] = self.state.get("failures", 0) + 1 if failed else 1
        tries = KILLED_TRIES if self.state.get("exit") == -signal.SIGKILL else TRIES
        if failures >= tries and not self.spec.get("always"):
            self.state["gave_up"] = True
            self.note()
            return False
        self.note()
        pause = 0.05 if self.spec.get("always") else PAUSES[min(failures, len(PAUSES)) - 1]
        with contextlib.suppress(OSError):
            select.select([self.wake], [], [], pause)
        self.read_spec()
        return not self.asked_to_stop

    def start(self) -> None:
        """Fork, record the child, then let it execute the program: so no program runs unrecorded."""
        self.patiently(self._make_room)
        # Opened before the program is: what a quick one says is gone when nobody has the pipe open after it.
        self.source = self._open_output()
        gate, opener = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(opener)
            self._become(gate)
        os.close(gate)
        now = time.time()
        for key in ("ended_at", "exit", "signal", "timed_out", "stopped"):
            self.state.pop(key, None)
        self.state.update(program=processes.identity(pid), started_at=now)
        try:
            self.note()
            self.patiently(lambda: self._count_start(now, pid))
            os.write(opener, b"go")
        finally:
            os.close(opener)  # closed without a word, the child ends without having done anything

    def _make_room(self) -> None:
        for name in ("scratch", "outputs"):
            (self.folder / name).mkdir(mode=0o700, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            os.mkfifo(self.folder / "output", 0o600)

    def _open_output(self) -> int:
        return os.open(self.folder / "output", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)

    def _count_start(self, now: float, pid: int) -> None:
        with open(self.folder / "starts", "ab", buffering=0) as file:  # a line as a whole, or none
            file.write(f"{now:.3f} {pid}\n".encode())

    def _become(self, gate: int) -> None:
        """In the child: wait for the word, then become the program. Never returns."""
        try:
            os.setsid()
            if os.read(gate, 2) != b"go":
                os._exit(127)
            # Opened for reading as well: the program survives a shim that is killed (it blocks when the pipe is full).
            out = os.open(self.folder / "output", os.O_RDWR)
            nothing = os.open(os.devnull, os.O_RDONLY)
            for source, target in ((nothing, 0), (out, 1), (out, 2)):
                os.dup2(source, target)
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD, signal.SIGPIPE, signal.SIGXFSZ):
                signal.signal(number, signal.SIG_DFL)
            self._limit()
            os.chdir(self.spec.get("folder") or self.folder / "scratch")
            env = {**self.spec["env"], **(processes.read_json(self.folder / "secrets.json") or {})}
            os.execvpe(self.spec["argv"][0], self.spec["argv"], env)  # noqa: S606 - a list, no shell
        except OSError as error:
            os.write(2, f"{self.spec['argv'][0]} cannot be started: {error.strerror}\n".encode())
        finally:
            os._exit(127)

    def _limit(self) -> None:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        limits = ((resource.RLIMIT_DATA, "memory_mb", 20), (resource.RLIMIT_CPU, "cpu_seconds", 0),
                  (resource.RLIMIT_FSIZE, "file_mb", 20))  # fmt: skip
        for what, name, shift in limits:
            if self.spec.get(name):
                most = int(self.spec[name]) << shift
                # One second of processor time more, so that what ends it is SIGXCPU, which says why.
                resource.setrlimit(what, (most, most + (what == resource.RLIMIT_CPU)))

    def watch(self) -> None:
        """Read its output, enforce its time limit and obey requests to stop, until it and its children have ended."""
        program = self.state["program"]
        self.listened = False
        source = self._open_output() if self.source is None else self.source
        log: logs.Writer = self.patiently(lambda: logs.Writer(self.folder))
        limit = self.spec.get("timeout") if self.spec["kind"] == "job" else None
        deadline = self.state["started_at"] + limit if limit else None
        try:
            while True:
                code, over = _ended(program)
                if over:
                    break
                if self.asked_to_stop or (deadline and time.time() >= deadline):
                    self.state["stopped" if self.asked_to_stop else "timed_out"] = True
                    code = self._end(program, source, log)
                    break
                self._wait(source, log, deadline)
            processes.end(program["pid"], str(self.folder), GRACE)
            _drain(source, log)
        finally:
            os.close(source)
            self.source = None
            log.close()
        self.finish(code)

    def _wait(self, source: int, log: logs.Writer, deadline: float | None) -> None:
        """Wait for output, a signal or the time limit; a second at most, as an adopted program's end wakes nobody."""
        left = 1.0 if deadline is None else max(0.0, min(1.0, deadline - time.time()))
        if not self.listened and self.spec.get("port"):
            self.listened = _listens(self.spec["port"])
            left = 0.03
        ready, _, _ = select.select([source, self.wake], [], [], left)
        if self.wake in ready:
            os.read(self.wake, 4096)
        if source in ready:
            _drain(source, log, 1 << 20)

    def _end(self, program: dict[str, Any], source: int, log: logs.Writer) -> int | None:
        """SIGTERM to the group, SIGKILL after ten seconds; its output is read on meanwhile, so it cannot block."""
        processes.send(program["pid"], str(self.folder), signal.SIGTERM)
        deadline = time.monotonic() + GRACE
        killed = False
        while True:
            code, over = _ended(program)
            if over:
                return code
            if not killed and time.monotonic() >= deadline:
                processes.send(program["pid"], str(self.folder), signal.SIGKILL)
                killed = True
            select.select([source], [], [], 0.05)
            _drain(source, log, 1 << 20)

    # -- what is written down ----------------------------------------------------------------------

    def finish(self, code: int | None) -> None:
        """`code` as waitpid says it: negative for a signal, None when nobody saw how it ended."""
        self.state["ended_at"] = time.time()
        self.state["exit"] = code
        self.note()

    def note(self) -> None:
        """Write the state. Waits while the disk is full, because a lost exit status cannot be recovered."""
        try:
            self.patiently(lambda: processes.write_json(self.folder / "state.json", self.state))
        except FileNotFoundError:
            raise SystemExit(0) from None  # the workload was removed

    def patiently(self, write: Callable[[], Any]) -> Any:
        """Call it; on a full disk repeat it until there is room, or until the shim is asked to stop."""
        while True:
            try:
                return write()
            except OSError as error:
                if error.errno not in processes.FULL or self.asked_to_stop:
                    raise
                time.sleep(0.5)


def _raise_stopped(*_: object) -> None:
    raise Stopped


def _listens(port: int) -> bool:
    import socket  # not at the top: jobs need not wait for it

    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=0.5):
        return True
    return False


def _ended(program: dict[str, Any]) -> tuple[int | None, bool]:
    """(exit code, whether it is over). The code is None for a program that was adopted: only a parent is told it."""
    try:
        pid, status = os.waitpid(program["pid"], os.WNOHANG)
    except ChildProcessError:
        return None, not processes.lives(program)
    return (os.waitstatus_to_exitcode(status), True) if pid else (None, False)


def _drain(source: int, log: logs.Writer, most: int = 64 << 20) -> None:
    """Read what is in the pipe, at most `most` bytes, so that an endless printer cannot keep us here."""
    while most > 0:
        try:
            data = os.read(source, 1 << 16)
        except BlockingIOError:
            return
        log.write(data)
        most -= len(data)


def main() -> None:
    folder = Path(sys.argv[1])
    os.umask(0o077)
    try:
        Shim(folder).run()
    except Exception as error:
        with contextlib.suppress(OSError), open(folder / "shim.log", "a", encoding="utf-8") as file:
            file.write(f"{time.time():.3f} {type(error).__name__}: {error}\n")
        time.sleep(1)  # supervisord starts us again at once: do not spin
        raise SystemExit(1) from error


if __name__ == "__main__":
    main()
