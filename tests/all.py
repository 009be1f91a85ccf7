"""`make test`: the checks of the code, then every test that can run here, then what was missing.

Tests in the browser have processes of their own: Playwright leaves an event loop running in the thread it is used in,
and pages that are asynchronous cannot be asked for there. Tests that kill processes run one at a time, after the
others: they watch the clock.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

BIN = Path(sys.executable).parent
CHECKOUT = Path(__file__).resolve().parent.parent
PYTEST = [sys.executable, "-m", "pytest", "-q"]
# All of the engine's own, and the pages and exports that ask the database something of their own.
ON_POSTGRES = (
    "test_*",
    "actions/test_*",
    "pages/test_health",
    "pages/test_metrics",
    "pages/test_stream",
    "exports/test_*",
    "api/test_audit",
)
POSTGRES_TESTS = [
    *(str(path) for name in ON_POSTGRES for path in sorted(CHECKOUT.glob(f"tests/engine/{name}.py"))),
    str(CHECKOUT / "tests" / "research" / "test_at_once.py"),
]

CHECKS: dict[str, list[str]] = {
    "ruff": [str(BIN / "ruff"), "check", "."],
    "format": [str(BIN / "ruff"), "format", "--check", "."],
    "templates": [sys.executable, "-m", "tests.formatting", "--check"],
    "mypy": [str(BIN / "mypy"), "."],
    "rooms": [str(BIN / "lint-imports")],
    "migrations": [sys.executable, "manage.py", "makemigrations", "--check", "--dry-run"],
}
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
    failed = [name for name, command in CHECKS.items() if not passes(name, command)]
    both = [*PYTEST, "-n", "2", "--dist", "loadfile", "-m"]
    failed += [] if passes("tests", [*both, "not (browser or kill or bench)"]) else ["tests"]
    failed += [] if passes("in the browser", [*both, "browser and not bench"]) else ["in the browser"]
    failed += [] if passes("kill tests", [*PYTEST, "-m", "kill"]) else ["kill tests"]
    if url := os.environ.get("DESIREPATH_TEST_POSTGRES"):
        on_postgres = {"DATABASE_URL": url}
        failed += [] if passes("on PostgreSQL", [*PYTEST, *POSTGRES_TESTS], on_postgres) else ["on PostgreSQL"]
    print(f"\nmake test took {time.monotonic() - began:.0f} s")
    for name, (there, otherwise) in OPTIONAL.items():
        if not there():
            print(f"Not here: {name}; {otherwise}.")
    print(f"Failed: {', '.join(failed)}." if failed else "All of it passed.")
    return 1 if failed else 0


def passes(name: str, command: list[str], extra: dict[str, str] | None = None) -> bool:
    print(f"\n== {name}", flush=True)
    return subprocess.run(command, cwd=CHECKOUT, check=False, env={**os.environ, **(extra or {})}).returncode == 0


if __name__ == "__main__":
    sys.exit(main())
