"""Local targets that end everything they started, and small programs for them to run."""

import contextlib
import shutil
import tempfile
from pathlib import Path

import pytest

from engine.targets.base import Kind, Workload
from engine.targets.local import LocalTarget
from tests.processes import kill, processes_of
from tests.waiting import until

# Answers every GET and POST with its name; /slow waits, /bad answers 500.
SERVER = """
import http.server, os, sys, time
name = os.environ.get("NAME", "?").encode()
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def answer(self):
        size = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(size)
        if self.path.startswith("/slow"):
            time.sleep(0.3)
        self.send_response(500 if self.path.startswith("/bad") or os.path.exists("fail") else 200)
        self.send_header("Content-Length", str(len(name)))
        self.end_headers()
        self.wfile.write(name)
    do_GET = do_POST = answer
    def log_message(self, *_): pass
class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 128
    daemon_threads = True
Server(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""


def service(name: str, program: str = SERVER, **others) -> Workload:
    return Workload(name, Kind.SERVICE, ("{python}", "-S", "-c", program), {"NAME": name}, **others)


def job(name: str, program: str, **others) -> Workload:
    return Workload(name, Kind.JOB, ("{python}", "-S", "-c", program), **others)


@pytest.fixture
def home():
    """A short folder; whatever is left of it at the end is ended, and that is an error of the test."""
    folder = Path(tempfile.mkdtemp(prefix="dp-"))
    yield folder
    LocalTarget(folder).shutdown()
    with contextlib.suppress(AssertionError):  # on a busy machine what was told to end is still ending
        until(lambda: not processes_of(folder), 60)
    left = processes_of(folder)
    kill(left)
    shutil.rmtree(folder, ignore_errors=True)
    assert not left, f"left running: {left}"


@pytest.fixture
def target(home):
    return LocalTarget(home)
