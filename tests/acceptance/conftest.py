"""A real server and a real browser. pytest-django's live_server is WSGI, and ours is ASGI only."""

import contextlib
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.homes import free_port
from tests.running import *  # noqa: F403
from tests.thread import *  # noqa: F403
from tests.waiting import until

PATIENCE = 120_000  # ms; only what never comes fails
expect.set_options(timeout=PATIENCE)  # page.set_default_timeout does not reach it
CHECKOUT = Path(__file__).resolve().parents[2]
SCREENSHOTS = CHECKOUT / "tests" / "screenshots"
AXE = CHECKOUT / "node_modules" / "axe-core" / "axe.min.js"
# The shell is the same browser without a window's own pages and painting: a third less work.
SHELL, CHROMIUM = "/usr/bin/chromium-headless-shell", "/usr/bin/chromium"
PROGRAM = os.environ.get("CHROMIUM", SHELL if os.access(SHELL, os.X_OK) else CHROMIUM)
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


@pytest.fixture(scope="session", autouse=True)
def assets() -> None:
    subprocess.run([sys.executable, str(CHECKOUT / "bin" / "assets"), "--tests"], check=True)


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    return {**browser_type_launch_args, "executable_path": PROGRAM, "args": FLAGS}


class Server:
    """uvicorn over the test's own database, in a process that can be stopped and started while the browser looks."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None
        self.log = Path(os.environ["DESIREPATH_HOME"]) / "server.log"

    def start(self) -> None:
        command = [sys.executable, "-m", "uvicorn", "server.asgi:application", "--port", str(self.port)]
        home = {"DESIREPATH_TESTS_HOME": os.environ["DESIREPATH_HOME"], "DJANGO_SETTINGS_MODULE": "tests.settings"}
        self.process = subprocess.Popen(
            [*command, "--log-level", "warning", "--timeout-graceful-shutdown", "1"],
            cwd=CHECKOUT,
            env={**os.environ, **home},
            stdout=self.log.open("ab"),
            stderr=subprocess.STDOUT,
        )
        until(self.answers, what=f"for {self.url}")

    def answers(self) -> bool:
        """Whether it answers; a server that has ended is an error at once, with its output."""
        assert self.process, "not started"
        assert self.process.poll() is None, f"The server of the test ended:\n{self.log.read_text()}"
        with contextlib.suppress(OSError):
            urllib.request.urlopen(f"{self.url}/accounts/login/", timeout=30).close()
            return True
        return False

    def stop(self) -> None:
        if self.process:
            self.process.terminate()
            self.process.wait(240)
            self.process = None


@pytest.fixture(scope="session")
def one_server(django_db_setup: None) -> Iterator[Server]:
    made = Server()
    yield made
    made.stop()


@pytest.fixture
def server(one_server: Server, transactional_db: None) -> Server:
    """Over the database of this test: both processes have the same DESIREPATH_HOME. Starting takes seconds, so the
    next test has the same one, unless a test left it stopped."""
    if one_server.process is None or one_server.process.poll() is not None:
        one_server.start()
    return one_server


def sign_in(page: Any, server: Server, name: str = "alice") -> None:
    page.goto(f"{server.url}/accounts/login/")
    page.get_by_label("Username").or_(page.locator("[name=login]")).first.fill(name)
    page.locator("[name=password]").fill("walk the grass")
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{server.url}/")


@pytest.fixture
def alice_page(page: Any, server: Server, alice: Any, team: Any) -> Any:
    page.set_default_timeout(PATIENCE)
    sign_in(page, server)
    return page


def on_server(page: Any) -> None:
    """Wait until what was logged on this page has reached the server."""
    expect(page.locator("#entries[aria-busy=true]")).to_have_count(0)  # the last Enter reaches the disk first
    page.wait_for_function("import('/static/js/outbox.js').then(o => o.unsent()).then(n => n === 0)", timeout=PATIENCE)
    expect(page.locator("#unsent")).to_have_text("All on the server", timeout=PATIENCE)


def no_violations(page: Any) -> None:
    """axe finds nothing to mend on the page as it stands."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE.read_text())
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
    said = [f"{one['id']}: {one['help']}: {[node['html'][:160] for node in one['nodes']][:4]}" for one in found]
    assert not said, "\n".join(said)


def follow(page: Any, control: Any) -> None:
    """Click what leads to another page and be there: what follows never meets the page that is going."""
    with page.expect_navigation():
        control.click()


def shoot(page: Any, server: Server, name: str) -> None:
    """The page light and dark, on a desk and on a phone, for somebody to look at; and axe on each."""
    SCREENSHOTS.mkdir(exist_ok=True)
    page.wait_for_load_state()
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 800})
        for theme in ("light", "dark"):
            page.evaluate("theme => document.documentElement.dataset.theme = theme", theme)
            page.wait_for_timeout(60)
            page.screenshot(path=str(SCREENSHOTS / f"{name}-{theme}-{width}.png"), full_page=True)
            no_violations(page)
            overflow = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert overflow <= 0, f"{name} is {overflow} px wider than a screen of {width} px"
    page.set_viewport_size({"width": 1280, "height": 800})
