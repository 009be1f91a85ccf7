"""Processes named so that a reused pid is never mistaken for them: pid, start time and boot. Standard library only."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import signal
import time
from pathlib import Path

TYPE_CHECKING = False  # as in `typing`, which the shim would have to import
if TYPE_CHECKING:
    from typing import Any

FULL = (errno.ENOSPC, errno.EDQUOT)  # as in artefacts.store: the shim loads this module and may import nothing of ours
TAG = "DESIREPATH_WORKLOAD"  # in the environment of every program of a workload: its folder


def boot() -> str:
    """An identity of this boot: pids and start times mean nothing across a reboot."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def _stat(pid: int) -> list[str] | None:
    """The fields of /proc/PID/stat after the command's name (state first); None when there is no such process."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].decode().split()
    except OSError:
        return None


def _ps(pid: int) -> str | None:
    """The start time as `ps` says it, where there is no /proc (macOS)."""
    import subprocess  # not at the top: the shim must start in milliseconds

    done = subprocess.run(["ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
    text = done.stdout.strip()
    return None if not text or text.startswith("Z") else text.split(None, 1)[1]


def started(pid: int) -> str | None:
    """When this process started, in a form only good for comparing; None when it is gone or a zombie."""
    if pid <= 0:
        return None
    if not os.path.isdir("/proc/self"):
        return _ps(pid)
    fields = _stat(pid)
    return None if fields is None or fields[0] in "ZX" else fields[19]


def identity(pid: int) -> dict[str, Any]:
    """What to write down about a living process."""
    return {"pid": pid, "start": started(pid), "boot": boot()}


def lives(record: dict[str, Any] | None) -> bool:
    """Whether the process of this record is still the one that was written down."""
    if not record or not record.get("pid") or record.get("boot") != boot():
        return False
    start = started(int(record["pid"]))
    return start is not None and start == record.get("start")


def members(group: int, tag: str) -> list[int]:
    """Living processes of a process group, and those whose environment carries our tag (forked away)."""
    processes = []
    wanted = f"{TAG}={tag}".encode()
    for name in os.listdir("/proc") if os.path.isdir("/proc/self") else []:
        if not name.isdigit() or int(name) == os.getpid():
            continue
        fields = _stat(int(name))
        if fields is None or fields[0] in "ZX":
            continue
        if (group > 1 and int(fields[2]) == group) or _tagged(name, wanted):
            processes.append(int(name))
    return processes


def _tagged(pid: str, wanted: bytes) -> bool:
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            return wanted in file.read().split(b"\0")
    except OSError:
        return False


def listening(pids: list[int]) -> set[int]:
    """The TCP ports that these processes listen on."""
    sockets = {inode for pid in pids for inode in _sockets(pid)}
    ports = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with contextlib.suppress(OSError), open(table, encoding="ascii") as file:
            for line in file.readlines()[1:]:
                fields = line.split()
                if fields[3] == "0A" and fields[9] in sockets:
                    ports.add(int(fields[1].rpartition(":")[2], 16))
    return ports


def _sockets(pid: int) -> list[str]:
    """The inodes of a process's sockets."""
    sockets = []
    with contextlib.suppress(OSError):
        for name in os.listdir(f"/proc/{pid}/fd"):
            with contextlib.suppress(OSError):
                link = os.readlink(f"/proc/{pid}/fd/{name}")
                if link.startswith("socket:["):
                    sockets.append(link[8:-1])
    return sockets


def send(group: int, tag: str, number: signal.Signals) -> None:
    """Signal a workload's whole process group and whatever it forked away."""
    for pid in members(group, tag):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)
    if not os.path.isdir("/proc/self") and group > 1:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, number)


def end(group: int, tag: str, grace: float) -> None:
    """SIGTERM, then SIGKILL after `grace` seconds, to everything of a workload; returns when nothing of it lives."""
    send(group, tag, signal.SIGTERM)
    deadline = time.monotonic() + grace
    killed = False
    while members(group, tag):
        if not killed and time.monotonic() >= deadline:
            send(group, tag, signal.SIGKILL)
            killed = True
        if killed and time.monotonic() >= deadline + 5:
            return  # a process in uninterruptible sleep, which the kernel ends later
        time.sleep(0.02)


OWN_PROGRAMS = (b"shim.py", b"gateway.py", b"supervisord")


def naming(text: str) -> list[int]:
    """Living processes of our own programs whose command line has this in it."""
    processes = []
    for name in os.listdir("/proc") if os.path.isdir("/proc/self") else []:
        with contextlib.suppress(OSError):
            if name.isdigit() and int(name) != os.getpid() and started(int(name)):
                with open(f"/proc/{name}/cmdline", "rb") as file:
                    command = file.read()
                if text.encode() in command and any(program in command for program in OWN_PROGRAMS):
                    processes.append(int(name))
    return processes


def wait_for_none(root: str, seconds: float) -> None:
    """Until our own programs (supervisord, shims: those started with a path under `root`) have ended; then they are."""
    deadline = time.monotonic() + seconds
    while left := naming(f"{root}/"):
        if time.monotonic() > deadline:
            for pid in left:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)
            return
        time.sleep(0.02)


def write_json(path: Path, value: Any) -> None:
    """Replace a file as a whole: a reader sees the old one or the new one, also after a crash."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{time.monotonic_ns()}")
    try:
        with open(temporary, "w", encoding="utf-8") as file:
            json.dump(value, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def read_json(path: Path) -> dict[str, Any] | None:
    """The object in a file; None when there is no such file or no whole object in it."""
    try:
        with open(path, encoding="utf-8") as file:
            value = json.load(file)
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) else None
