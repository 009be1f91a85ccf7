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


@dataclass(frozen=True)
class Section:
    name: str
    command: list[str]
    env: dict[str, str] = field(default_factory=dict)


def pytest(name: str, marks: str, *paths: str, workers: int = CORES, **env: str) -> Section:
    return Section(name, [*PYTEST, "-n", str(workers), "-m", marks, *paths], env)


def sections() -> list[Section]:
    """The longest first: the others run beside it, one after the other."""
    postgres = os.environ.get("DESIREPATH_TEST_POSTGRES")
    return [
        pytest("tests", "not (browser or bench)", workers=CORES + 1),
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
    "Chromium": (lambda: bool(shutil.which("chromium")), "the pages are not tested in a browser"),
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
        found = list(pool.map(lambda section: (section.name, passes(section)), sections()))
    failed = [name for name, passed in found if not passed]
    print(f"\nmake test took {time.monotonic() - began:.0f} s")
    for name, (there, otherwise) in OPTIONAL.items():
        if not there():
            print(f"Not here: {name}; {otherwise}.")
    print(f"Failed: {', '.join(failed)}." if failed else "All of it passed.")
    return 1 if failed else 0


def passes(section: Section) -> bool:
    """Run it; each line that it prints is printed with its name."""
    began = time.monotonic()
    with subprocess.Popen(
        section.command, cwd=CHECKOUT, env={**os.environ, **section.env}, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True, errors="replace",
    ) as process:  # fmt: skip
        assert process.stdout
        for line in process.stdout:
            print(f"{section.name:10} | {line}", end="", flush=True)
    said = "passed" if process.returncode == 0 else f"FAILED with {process.returncode}"
    print(f"{section.name:10} | {said} after {time.monotonic() - began:.0f} s", flush=True)
    return process.returncode == 0


if __name__ == "__main__":
    sys.exit(main())
