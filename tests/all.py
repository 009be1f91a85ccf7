"""`make test`: the checks of the code and every test that can run here, side by side; then what was missing.

Two sections run at a time, because many tests wait for processes: one section's waiting is another's work. Each line of
output names its section. Tests in the browser have processes of their own: Playwright leaves an event loop running in
the thread it is used in, and pages that are asynchronous cannot be asked for there.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from tests import made_once

BIN = Path(sys.executable).parent
CHECKOUT = Path(__file__).resolve().parent.parent
PYTEST = [sys.executable, "-m", "pytest", "-q"]
# What asks the database: the rooms above the tables, and the pages and exports that ask something of their own.
# What is pure (definition, artefacts) is the same on any database.
ON_POSTGRES = (
    "test_*",
    "models/test_*",
    "queue/test_*",
    "runs/test_*",
    "telemetry/test_*",
    "actions/test_*",
    "workers/test_*",
    "pages/test_health",
    "pages/test_metrics",
    "pages/test_stream",
    "api/test_audit",
)
POSTGRES_TESTS = [
    *(str(path) for name in ON_POSTGRES for path in sorted(CHECKOUT.glob(f"tests/engine/{name}.py"))),
    str(CHECKOUT / "tests" / "research" / "test_at_once.py"),
    str(CHECKOUT / "tests" / "server" / "test_search.py"),
]

CORES = os.cpu_count() or 2
AT_ONCE = 2  # sections
MOST_LINES, LONGEST_LINE = 40, 300  # of the errors that are repeated at the end


@dataclass(frozen=True)
class Section:
    name: str
    command: list[str]
    env: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Failure:
    section: str
    details: str


def pytest(name: str, marks: str, *paths: str, workers: int = CORES, **env: str) -> Section:
    return Section(name, [*PYTEST, "-n", str(workers), "-m", marks, *paths], env)


def sections() -> list[Section]:
    """The longest first: the others run beside it, one after the other."""
    postgres = os.environ.get("DESIREPATH_TEST_POSTGRES")
    return [
        pytest("tests", "not (browser or bench)", workers=CORES + 2),
        Section("mypy", [str(BIN / "mypy"), "."]),
        pytest("browser", "browser and not bench", "tests/acceptance"),
        *([pytest("postgres", "not (browser or bench)", *POSTGRES_TESTS, DATABASE_URL=postgres)] if postgres else []),
        Section("ruff", [str(BIN / "ruff"), "check", "."]),
        Section("format", [str(BIN / "ruff"), "format", "--check", "."]),
        Section("templates", [sys.executable, "-m", "tests.formatting", "--check"]),
        Section("rooms", [str(BIN / "lint-imports")]),
        Section("migrations", [sys.executable, "manage.py", "makemigrations", "--check", "--dry-run"]),
    ]


OPTIONAL: dict[str, tuple[Callable[[], bool], str]] = {
    "Chromium": (
        lambda: bool(shutil.which("chromium-headless-shell") or shutil.which("chromium")),
        "the pages are not tested in a browser",
    ),
    "dot": (lambda: bool(shutil.which("dot")), "nothing: it is for exports that are not built yet"),
    "PostgreSQL": (lambda: bool(os.environ.get("DESIREPATH_TEST_POSTGRES")), "the engine is tested on SQLite alone"),
    "Redis": (
        lambda: bool(shutil.which("redis-server") and os.environ.get("DESIREPATH_TEST_REDIS")),
        "the workers are tested without a bell",
    ),
    "Kubernetes": (lambda: bool(os.environ.get("KUBECONFIG")), "nothing: no target uses it yet"),
}


def main() -> int:
    began = time.monotonic()
    with made_once.session(), ThreadPoolExecutor(AT_ONCE) as pool:
        failures = [failure for failure in pool.map(failure_of, sections()) if failure]
    print(f"\nmake test took {time.monotonic() - began:.0f} s")
    for name, (there, otherwise) in OPTIONAL.items():
        if not there():
            print(f"Not here: {name}; {otherwise}.")
    for failure in failures:
        print(f"\n{failure.section} failed:\n{failure.details}")
    print(f"Failed: {', '.join(failure.section for failure in failures)}." if failures else "All of it passed.")
    return 1 if failures else 0


def failure_of(section: Section) -> Failure | None:
    """Run the section, and print each line of its output with its name. None when it passes."""
    began = time.monotonic()
    output: list[str] = []
    with subprocess.Popen(
        section.command, cwd=CHECKOUT, env={**os.environ, **section.env}, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True, errors="replace",
    ) as process:  # fmt: skip
        assert process.stdout
        for line in process.stdout:
            print(f"{section.name:10} | {line}", end="", flush=True)
            output.append(line)
    result = f"FAILED with {process.returncode}" if process.returncode else "passed"
    print(f"{section.name:10} | {result} after {time.monotonic() - began:.0f} s", flush=True)
    return Failure(section.name, details(output)) if process.returncode else None


def details(output: list[str]) -> str:
    """The errors and the failed tests out of a section's output, because a log may be kept from its end only."""
    errors = [line for line in output if line.startswith(("E  ", "FAILED ", "ERROR "))]
    return "".join(line[:LONGEST_LINE].rstrip() + "\n" for line in (errors or output)[-MOST_LINES:])


if __name__ == "__main__":
    sys.exit(main())
