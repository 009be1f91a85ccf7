"""Who has a home, and that it is its own pages that answer."""

from __future__ import annotations

import fcntl
import http.server
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import httpx
import psutil
import pytest

from server.installation import embedded
from server.installation.embedded import CannotStart, Embedded
from tests.waiting import until

OURS = """
import http.server, sys
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers(); self.wfile.write(b"ours")
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Answer).serve_forever()
"""


class Small(Embedded):
    """With two programs that are started in no time."""

    def _commands(self) -> dict[str, list[str]]:
        return {"web": ["-c", OURS, str(self.port)], "engine": ["-c", "import time; time.sleep(60)"]}


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "logs").mkdir()
    yield tmp_path
    embedded.stop(tmp_path)  # starting one starts what keeps its workloads


@pytest.fixture
def neighbour() -> Iterator[int]:
    """The port of another home, whose pages answer there."""

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"another home's")

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


def test_a_port_that_another_home_was_quicker_to_take_is_left_to_it(
    home: Path, neighbour: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    ports, find = [neighbour], embedded.free_port
    monkeypatch.setattr(embedded, "free_port", lambda asked: ports.pop() if ports else find(asked))
    with Small(home) as started:
        assert started.port != neighbour
        assert httpx.get(started.url).text == "ours"
        assert embedded.running(home) == {"pid": psutil.Process().pid, "url": started.url}


def test_a_port_that_was_asked_for_is_not_changed(home: Path, neighbour: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "free_port", lambda asked: asked)
    with pytest.raises(CannotStart, match="Address already in use"), Small(home, neighbour):
        pass
    assert embedded.running(home) is None


def test_what_an_earlier_one_wrote_down_names_nobody(home: Path) -> None:
    """After a reboot its number may be anybody's: that one is never ended."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as stranger:
        (home / "up.lock").write_text(json.dumps({"pid": stranger.pid, "url": "http://127.0.0.1:8800"}))
        assert embedded.running(home) is None
        assert embedded.stop(home) == ["everything it served"]
        assert stranger.poll() is None
        stranger.communicate(b"\n")


def test_one_that_has_just_begun_is_waited_for_until_it_says_who_it_is(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked, is_held = threading.Event(), embedded._is_held

    def held(file: IO[str]) -> bool:
        found = is_held(file)
        looked.set()
        return found

    monkeypatch.setattr(embedded, "_is_held", held)
    with (home / "up.lock").open("a+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        found: list[object] = []
        asking = threading.Thread(target=lambda: found.append(embedded.running(home)))
        asking.start()
        assert looked.wait(240)
        json.dump({"pid": 1, "url": ""}, lock)
        lock.flush()
        asking.join()
        assert found == [{"pid": 1, "url": ""}]
    until(lambda: embedded.running(home) is None)


def test_whoever_only_looks_keeps_nobody_from_starting(home: Path) -> None:
    stop = threading.Event()

    def look() -> None:
        while not stop.wait(0.002):
            embedded.running(home)

    looking = threading.Thread(target=look)
    looking.start()
    try:
        for _ in range(20):
            started = Embedded(home)
            started.take_lock()
            started.close()
            assert embedded.running(home) is None
    finally:
        stop.set()
        looking.join()
