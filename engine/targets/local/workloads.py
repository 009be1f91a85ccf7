"""A workload's folder: its specification (`spec.json`, written by the target) and its state (written by the shim)."""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import http.client
import os
import re
import shutil
import signal
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from engine.artefacts.store import ArtefactError, Artefacts, DiskFull
from engine.targets.base import Kind, NoRoom, State, Status, TargetError, Workload
from engine.targets.local import logs, processes

RUNTIMES = Path(__file__).resolve().parents[2] / "runtimes"
SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"
OUT_OF_MEMORY = ("memoryerror", "cannot allocate memory", "out of memory", "bad_alloc")
SECRET = 6  # characters: what is shorter, "true" or "8080", is struck out nowhere
ERROR = re.compile(r"[\w.]*(?:Error|Exception|NotFound|Misconfigured|ImproperlyConfigured): ")
MOMENT = 1.5  # seconds a program without a port has to run to be ready
RESULT_LIMIT = 8 << 20  # bytes of a job's result that are read
PLACEHOLDER = re.compile(r"\{(python|port|result|outputs|runtimes|source|artefact:[0-9a-f]{64})\}")


class Folder:
    """One workload's files."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def spec(self) -> dict[str, Any] | None:
        return processes.read_json(self.path / "spec.json")

    @property
    def state(self) -> dict[str, Any]:
        return processes.read_json(self.path / "state.json") or {}

    def write_spec(self, spec: dict[str, Any]) -> None:
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            processes.write_json(self.path / "spec.json", spec)
        except OSError as error:
            if error.errno in processes.FULL:
                raise NoRoom(f"There is no room on the disk for {spec['name']}.") from error
            raise TargetError(f"The files of {spec['name']} could not be written: {error.strerror}.") from error

    def kept(self) -> bool:
        """Whether a living shim holds this workload."""
        try:
            handle = os.open(self.path / "lock", os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(handle)
        return False

    def lives(self) -> bool:
        return processes.lives(self.state.get("program"))

    def starts(self) -> int:
        try:
            return (self.path / "starts").read_bytes().count(b"\n")
        except FileNotFoundError:
            return 0

    def result(self) -> dict[str, Any] | None:
        path = self.path / "result.json"
        with contextlib.suppress(OSError):
            if path.stat().st_size <= RESULT_LIMIT:
                return processes.read_json(path)
        return None

    def last_line(self) -> str:
        """The last line of its output: usually why it ended."""
        data, _ = self.printed(-2000, 2000)
        lines = [line.strip() for line in data.decode("utf-8", "replace").splitlines() if line.strip()]
        return lines[-1][:300] if lines else ""

    def complaint(self) -> str:
        """The last error in a Python program's output, if any, also one after which a server goes on."""
        data, _ = self.printed(-8000, 8000)
        lines = [line.strip() for line in data.decode("utf-8", "replace").splitlines() if ERROR.match(line)]
        return lines[-1][:300] if lines else ""

    def printed(self, offset: int, limit: int) -> tuple[bytes, int]:
        """As `logs.read`, with every secret of this workload struck out, also one that an edge of the part cuts."""
        secrets = self.secrets()
        if not secrets:
            return logs.read(self.path, offset, limit)
        text, end = logs.read(self.path, offset, limit)
        start, longest = end - len(text), max(map(len, secrets))
        before, _ = logs.read(self.path, max(start - longest, 0), min(longest, start))
        after, _ = logs.read(self.path, end, longest)
        struck = _strike_begun(strike(before + text + after, secrets), secrets)
        return struck[len(before) : len(before) + len(text)], end

    def secrets(self) -> list[bytes]:
        """The lines of its secrets, which are struck out of its log; those too short to be a secret are left out."""
        held = processes.read_json(self.path / "secrets.json") or {}
        lines = {line.strip() for value in held.values() for line in str(value).splitlines()}
        return sorted((line.encode() for line in lines if len(line) >= SECRET), key=len, reverse=True)

    def write_secrets(self, secrets: Mapping[str, str]) -> None:
        if secrets:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            processes.write_json(self.path / "secrets.json", dict(secrets))
            (self.path / "secrets.json").chmod(0o600)

    def files(self, artefacts: Artefacts) -> dict[str, str]:
        """Store what a job left in its outputs, once, and say under which sha256."""
        kept = processes.read_json(self.path / "files.json")
        if kept is not None:
            return kept
        outputs = self.path / "outputs"
        paths = sorted(path for path in outputs.rglob("*") if path.is_file() and not path.is_symlink())
        stored = {str(path.relative_to(outputs)): artefacts.put(path) for path in paths}
        processes.write_json(self.path / "files.json", stored)
        return stored

    def end(self, seconds: float = 20) -> None:
        """Have the shim end its program (SIGTERM, SIGKILL after ten seconds), or do it where there is no shim."""
        shim = self.state.get("shim")
        deadline = time.monotonic() + seconds
        while self.kept() and time.monotonic() < deadline:
            if shim and processes.lives(shim):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(shim["pid"], signal.SIGTERM)
            time.sleep(0.03)
            shim = self.state.get("shim")  # a shim that had just begun names itself a moment later
        program = self.state.get("program")
        if program and processes.lives(program):
            processes.end(program["pid"], str(self.path), 10)
            processes.write_json(
                self.path / "state.json", self.state | {"ended_at": time.time(), "exit": None, "stopped": True}
            )

    def delete(self) -> None:
        """Renamed first, so that a half-deleted workload is never taken for one."""
        if self.path.exists():
            gone = self.path.with_name(f".gone-{self.path.name}-{time.monotonic_ns()}")
            os.replace(self.path, gone)
            shutil.rmtree(gone, ignore_errors=True)


def spec_of(
    workload: Workload, folder: Path, artefacts: Artefacts, *, python: Path | None, port: int | None,
    source: Path | None,
) -> dict[str, Any]:  # fmt: skip
    """What the shim reads. `python` is the environment's interpreter; None while it is being built."""
    interpreter = python or Path(sys.executable)
    values = {
        "python": str(interpreter), "port": str(port or ""), "result": str(folder / "result.json"),
        "outputs": str(folder / "outputs"), "runtimes": str(RUNTIMES), "source": str(source or ""),
    }  # fmt: skip
    fill = _filler(values, artefacts)
    scratch = str(folder / "scratch")
    path = SYSTEM_PATH if workload.environment is None else f"{interpreter.parent}:{SYSTEM_PATH}"
    env = {"PATH": path, "HOME": scratch, "TMPDIR": scratch, "LANG": "C.UTF-8", processes.TAG: str(folder)}
    if workload.kind is Kind.SERVICE and port:
        env["PORT"] = values["port"]
    if workload.kind is Kind.JOB:
        env |= {"RESULT": values["result"], "OUTPUTS": values["outputs"]}
    return {
        "name": workload.name,
        "kind": workload.kind.value,
        "argv": [fill(part) for part in workload.argv],
        "env": env | {key: fill(value) for key, value in workload.env.items()},
        "port": port,
        "health": workload.health,
        "any_answer": workload.any_answer,
        "folder": str(source) if source else None,
        "timeout": workload.timeout,
        "memory_mb": workload.memory_mb,
        "cpu_seconds": workload.cpu_seconds,
        "file_mb": workload.file_mb,
        "wanted": "run",
        "python": str(python) if python else None,
        "workload": workload.stored(),
    }


def _filler(values: dict[str, str], artefacts: Artefacts) -> Callable[[str], str]:
    def value(match: re.Match[str]) -> str:
        key = match[1]
        if not key.startswith("artefact:"):
            return values[key]
        try:
            return str(artefacts.path(key.partition(":")[2]))
        except ArtefactError as error:
            raise TargetError(str(error)) from error

    return lambda text: PLACEHOLDER.sub(value, text)


def strike(data: bytes, secrets: list[bytes]) -> bytes:
    """Replace secrets by stars of the same length, so that offsets stay the same."""
    for secret in secrets:
        data = data.replace(secret, b"*" * len(secret))
    return data


def _strike_begun(data: bytes, secrets: list[bytes]) -> bytes:
    """Strike out the beginning of a secret at the end of the text."""
    for secret in secrets:
        for size in range(min(len(secret) - 1, len(data)), SECRET - 1, -1):
            if data.endswith(secret[:size]):
                return data[:-size] + b"*" * size
    return data


def healthy(port: int, path: str, *, any_answer: bool = False, timeout: float = 2.0) -> bool:
    """Whether 127.0.0.1:PORT answers 200 on this path, or (`any_answer`) anything below 500."""
    status = answered(port, path, timeout)
    return status is not None and (status < 500 if any_answer else status == 200)


def answered(port: int, path: str, timeout: float = 2.0) -> int | None:
    """What it answers on this path, if it does."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request("GET", path, headers={"Connection": "close"})
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def status_of(folder: Folder, artefacts: Artefacts) -> Status:
    """The workload's status."""
    spec = folder.spec
    if spec is None:
        return Status(State.ABSENT)
    if spec.get("broken"):
        return Status(State.FAILED, reason=spec["broken"])
    if spec["wanted"] == "prepare":
        return Status(State.PREPARING, reason="Its environment is being built.")
    state = folder.state
    known: dict[str, Any] = {"started_at": state.get("started_at"), "starts": folder.starts()}
    if spec["kind"] == Kind.JOB:
        status = _job_status(folder, spec, state, known, artefacts)
    else:
        status = _service_status(folder, spec, state, known)
    secrets = folder.secrets() if status.reason else []
    return dataclasses.replace(status, reason=strike(status.reason.encode(), secrets).decode()) if secrets else status


def _job_status(
    folder: Folder, spec: dict[str, Any], state: dict[str, Any], known: dict[str, Any], artefacts: Artefacts
) -> Status:
    if state.get("ended_at") is None:
        if processes.lives(state.get("program")) or folder.kept():
            return Status(State.RUNNING if known["starts"] else State.STARTING, **known)
        if state.get("program") and not (again := folder.state).get("ended_at"):
            return Status(State.FAILED, reason="It was interrupted: the machine or the job's shim was killed.", **known)
        if state.get("program"):
            return _job_status(folder, spec, again, known, artefacts)
        if spec["wanted"] == "stop":
            return Status(State.STOPPED, reason="It was stopped before it began.", **known)
        return Status(State.STARTING, **known)
    code = state.get("exit")
    known |= {"exit_code": code, "ended_at": state["ended_at"], "result": folder.result()}
    if state.get("stopped"):
        return Status(State.STOPPED, reason="It was stopped on request.", **known)
    if state.get("timed_out"):
        return Status(State.FAILED, reason=f"It ran longer than the {spec['timeout']:g} seconds it was given.", **known)
    try:
        known["files"] = folder.files(artefacts)
    except DiskFull as error:
        raise NoRoom(str(error)) from error  # they are there still, and kept when there is room
    except (ArtefactError, OSError) as error:
        if isinstance(error, OSError) and error.errno in processes.FULL:
            raise NoRoom("There is no room on the disk for the list of the job's files.") from error
        return Status(State.FAILED, reason=f"Its files could not be kept. {error}", **known)
    if code == 0:
        return Status(State.SUCCEEDED, **known)
    return Status(State.FAILED, reason=_why(code, folder, known["result"]), **known)


def _service_status(folder: Folder, spec: dict[str, Any], state: dict[str, Any], known: dict[str, Any]) -> Status:
    address = f"http://127.0.0.1:{spec['port']}" if spec["port"] else ""
    if processes.lives(state.get("program")):
        if _is_ready(spec, state):
            return Status(State.READY, address=address, **known)
        return Status(State.STARTING, reason=_not_ready(folder, spec, state), address=address, **known)
    known |= {"exit_code": state.get("exit"), "ended_at": state.get("ended_at")}
    if spec["wanted"] == "stop":
        return Status(State.STOPPED, reason="It was stopped on request.", **known)
    if state.get("gave_up"):
        why = _why(state.get("exit"), folder, None)
        return Status(State.FAILED, reason=f"It ended again and again right after its start. {why}", **known)
    reason = _why(state.get("exit"), folder, None) + " It is started again." if state.get("ended_at") else ""
    return Status(State.STARTING, reason=reason, address=address, **known)


def _is_ready(spec: dict[str, Any], state: dict[str, Any]) -> bool:
    if not spec["port"]:
        return time.time() - float(state.get("started_at") or time.time()) >= MOMENT
    return healthy(spec["port"], spec["health"], any_answer=spec.get("any_answer", False))


def _not_ready(folder: Folder, spec: dict[str, Any], state: dict[str, Any]) -> str:
    """Why it does not answer, as far as its processes and output show."""
    if not spec["port"]:
        return "It has just begun."
    ports = processes.listening(processes.members(state["program"]["pid"], str(folder.path)))
    if spec["port"] in ports:
        return _badly_answered(folder, spec)
    if ports:
        listed = ", ".join(map(str, sorted(ports)))
        return f"It listens on {listed} and not on {spec['port']}, the port it was given as $PORT."
    last = folder.complaint()
    last_line = f" It said last: {last}" if last else ""
    return f"It runs and does not listen on {spec['port']}, the port it was given as $PORT.{last_line}"


def _badly_answered(folder: Folder, spec: dict[str, Any]) -> str:
    status = answered(spec["port"], spec["health"])
    if status is None:
        return f"It listens on its port and does not answer {spec['health']} within two seconds."
    wanted = "anything below 500" if spec.get("any_answer") else "200"
    last = folder.complaint()
    last_line = f" It said last: {last}" if last else ""
    return f"It listens on its port and answers {spec['health']} with {status}, where it has to be {wanted}.{last_line}"


def _why(code: int | None, folder: Folder, result: dict[str, Any] | None) -> str:
    """Why it failed: the job's own sentence, or else how it ended and the last line of its output."""
    if result and isinstance(result.get("error"), str):
        return str(result["error"])
    if code is None:
        return "Its exit code is not known: the program and its shim were killed."
    number = -code if code < 0 else code - 128
    if number > 0 and number in set(signal.Signals):
        how = f"It was killed by {_signal(number)}." if code < 0 else f"It ended with {code}: {_signal(number)}."
    else:
        how = f"It ended with {code}."
    last = folder.last_line()
    how += _limited(folder.spec or {}, number, last)
    return f"{how} It said last: {last}" if last else how


def _signal(number: int) -> str:
    """SIGSEGV (segmentation fault); the shell says it of a program it has run as 128 and the number."""
    words = (signal.strsignal(number) or "").lower()
    maybe = ", perhaps for its memory" if number == signal.SIGKILL else ""
    return f"{signal.Signals(number).name} ({words}{maybe})"


def _limited(spec: dict[str, Any], number: int, last: str) -> str:
    """Which of its limits it seems to have reached."""
    text = last.lower()
    if spec.get("cpu_seconds") and number in (signal.SIGXCPU, signal.SIGKILL):
        return f" It may use {spec['cpu_seconds']} seconds of processor time."
    if spec.get("file_mb") and (number == signal.SIGXFSZ or "file too large" in text):
        return f" It may write files of up to {spec['file_mb']} MB."
    if spec.get("memory_mb") and any(word in text for word in OUT_OF_MEMORY):
        return f" It may take {spec['memory_mb']} MB of memory."
    return ""
