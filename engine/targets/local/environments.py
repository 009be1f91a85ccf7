"""Environments: a Python with packages, built once with uv and found again by the digest of what was resolved."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from engine.targets.base import Environment, Progress, TargetError
from engine.targets.local import processes
from engine.targets.local.machine import interpreter_of, tool_env, uv

# Building these from source takes a compiler and half an hour; without a wheel it is better to say so at once.
WHEELS_ONLY = ("numpy", "scipy", "scikit-learn", "pandas", "onnx", "onnxruntime", "skl2onnx", "pyarrow", "lightgbm")
UNBUILT = re.compile(r"Failed to (?:download and )?build `([^`]+)`")
COMPLAINT = re.compile(r"\s*(?:\w*(?:Error|Exception)\b|(?:fatal )?error|\S+: (?:fatal )?error): ")
FAILED_LINES = 12  # of uv's output, in an error


class NoneFit(TargetError):
    """No versions of the packages go together."""


class Environments:
    """Under `root`: `<python>-<digest>/` per environment, `requests/` from what was asked to what was built."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def find(self, environment: Environment) -> Path | None:
        """The interpreter of a standing environment; milliseconds, no network."""
        noted = processes.read_json(self._request(environment))
        if noted is None:
            return None
        python = self.root / str(noted["name"]) / "bin" / "python"
        return python if python.exists() and (self.root / str(noted["name"]) / ".whole").exists() else None

    def prepare(self, environment: Environment, progress: Progress) -> Path:
        """Build it unless it stands; the path of its interpreter. Safe from several processes at once."""
        if python := self.find(environment):
            return python
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._locked(self._request(environment).stem):
            if python := self.find(environment):
                return python
            progress(f"Looking for Python {environment.python}")
            interpreter = interpreter_of(environment.python)
            lock = self._resolve(environment, interpreter, progress)
            digest = hashlib.sha256(f"{os.path.realpath(interpreter)}\n{lock}".encode()).hexdigest()[:20]
            name = f"{environment.python}-{digest}"
            with self._locked(name):
                if not (self.root / name / ".whole").exists():
                    self._build(name, interpreter, lock, progress)
            self._request(environment).parent.mkdir(mode=0o700, exist_ok=True)
            processes.write_json(self._request(environment), {"name": name})
        return self.root / name / "bin" / "python"

    def _request(self, environment: Environment) -> Path:
        asked = [environment.python, sorted(environment.requirements), sorted(environment.optional)]
        return self.root / "requests" / f"{hashlib.sha256(json.dumps(asked).encode()).hexdigest()[:24]}.json"

    def _resolve(self, environment: Environment, interpreter: str, progress: Progress) -> str:
        """The exact packages, one `name==version` a line, with the optional ones when they resolve together."""
        progress(f"Resolving {len(environment.requirements) + len(environment.optional)} packages")
        if environment.optional:
            with contextlib.suppress(NoneFit):
                return self._compile(environment.requirements + environment.optional, interpreter)
            progress(f"Going on without {', '.join(environment.optional)}: no versions fit")
        return self._compile(environment.requirements, interpreter)

    def _compile(self, requirements: tuple[str, ...], interpreter: str) -> str:
        if not requirements:
            return ""
        command = [uv(), "pip", "compile", "-", "--quiet", "--no-header", "--no-annotate", "--python", interpreter]
        for name in WHEELS_ONLY:
            command += ["--only-binary", name]
        text = "\n".join(requirements) + "\n"
        done = subprocess.run(
            command, input=text, capture_output=True, text=True, env=tool_env(), timeout=300, check=False
        )
        if done.returncode:
            if UNBUILT.search(done.stderr):
                raise TargetError(_unbuilt(done.stderr))
            raise NoneFit(f"No versions of these fit together: {', '.join(requirements)}. {_last_lines(done.stderr)}")
        places = [line for line in requirements if line.startswith("-")]  # where the app's own packages come from
        exact = sorted(line for line in done.stdout.splitlines() if line and not line.startswith("#"))
        return "\n".join([*places, *exact]) + "\n"

    def _build(self, name: str, interpreter: str, lock: str, progress: Progress) -> None:
        """Build it in another folder and rename that, so that a half-built environment is never used."""
        if shutil.disk_usage(self.root).free < 64 << 20:
            raise TargetError(
                "The disk is full: an environment needs hundreds of megabytes. Make room, then try again."
            )
        for abandoned in self.root.glob(f".building-{name}-*"):  # by a builder that was killed: we hold the lock
            shutil.rmtree(abandoned, ignore_errors=True)
        building = Path(tempfile.mkdtemp(prefix=f".building-{name}-", dir=self.root))
        try:
            _run([uv(), "venv", "--quiet", "--relocatable", "--no-project", "--python", interpreter, str(building),
                  "--allow-existing"], progress)  # fmt: skip
            (building / "requirements.txt").write_text(lock)
            if lock.strip():
                progress(f"Installing {len(lock.splitlines())} packages")
                _run([uv(), "pip", "install", "--python", str(building / "bin" / "python"),
                      "--requirement", str(building / "requirements.txt")], progress)  # fmt: skip
            (building / ".whole").touch()
            if (self.root / name).exists():  # without its mark of wholeness: from a crash
                shutil.rmtree(self.root / name)
            os.replace(building, self.root / name)
            progress("The environment is ready")
        finally:
            shutil.rmtree(building, ignore_errors=True)

    @contextlib.contextmanager
    def _locked(self, name: str) -> Iterator[None]:
        handle = os.open(self.root / f".lock-{name}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)


def _run(command: list[str], progress: Progress) -> None:
    """Run uv and pass on what it says as it says it."""
    lines: list[str] = []
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=tool_env(), cwd="/"
    ) as running:
        assert running.stdout is not None
        for line in running.stdout:
            if text := line.strip():
                lines.append(text)
                if not text.startswith(("+", "warning:")):
                    progress(text)
    if running.returncode:
        text = "\n".join(lines)
        if "No space left" in text:
            raise TargetError("The disk is full: the environment could not be built. Make room, then try again.")
        raise TargetError(
            _unbuilt(text) if UNBUILT.search(text) else f"The environment could not be built. {_last_lines(text)}"
        )


def _unbuilt(text: str) -> str:
    """Which package could not be fetched or built, the last line of its build, and what to do."""
    match = UNBUILT.search(text)
    assert match is not None
    if "Failed to fetch" in text or "Git operation failed" in text:
        causes = [line.strip().partition(": ")[2] for line in text.splitlines() if re.match(r"\s*(cause|fatal):", line)]
        return f"{match[1]} cannot be fetched: {causes[-1] if causes else 'its address does not answer'}."
    errors = [line.strip() for line in text.splitlines() if COMPLAINT.match(line)]
    errors = [line for line in errors if not line.startswith(("error: Command", "error: Failed"))] or errors
    why = f" Its build said: {errors[-1][:200]}" if errors else ""
    return (
        f"{match[1]} cannot be built for this Python: there is no wheel of it.{why} "
        "Ask for a newer version of it, or take the Python it was made for (push --python)."
    )


def _last_lines(text: str) -> str:
    return " ".join(line.strip() for line in text.strip().splitlines()[-FAILED_LINES:])
