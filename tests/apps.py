"""Apps for the tests: folders with a Procfile that need nothing but Python, so that they start in a moment."""

from __future__ import annotations

import io
import json
import tarfile
import threading
from pathlib import Path
from typing import Any

import httpx

# Answers with its release and where it was started; /slow takes a second, /secret prints a setting, /break is a 500.
WEB = """
import http.server, os, sys, time

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path == "/slow":
            time.sleep(1)
        if self.path == "/secret":
            print("the key is", os.environ.get("SECRET_KEY", ""), flush=True)
        if self.path == "/die":
            os._exit(3)
        status = {"/break": 500, "/nowhere": 404}.get(self.path, 200)
        body = (f"release {os.environ['RELEASE']} " + open("says.txt").read()).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass

class Server(http.server.ThreadingHTTPServer):
    daemon_threads = False

server = Server(("127.0.0.1", int(os.environ["PORT"])), Handler)
print("listening", flush=True)
server.serve_forever()
"""
WORKER = "import os, time\nwhile True: print('tick', os.environ['RELEASE'], flush=True); time.sleep(0.2)\n"
FILES: dict[str, Any] = {"Procfile": "web: exec python web.py\n", "web.py": WEB, "says.txt": "one"}


def write_app(folder: Path, **files: Any) -> Path:
    """An app in this folder. Names are given with _ for . (web_py); app_json is an object; None leaves a file out."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in named(files).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def named(files: dict[str, Any]) -> dict[str, str]:
    spelled = {
        "says": "says.txt", "procfile": "Procfile", "app_json": "app.json", "web": "web.py", "tests": "tests.py",
        "requirements": "requirements.txt", "python_version": ".python-version", "worker": "worker.py",
        "release": "release.py", "pyproject": "pyproject.toml", "manage": "manage.py",
        "post_compile": "bin/post_compile",
    }  # fmt: skip
    given = FILES | {spelled[name]: text for name, text in files.items()}
    return {n: json.dumps(t) if isinstance(t, dict) else str(t) for n, t in given.items() if t is not None}


def packed(**files: Any) -> bytes:
    """The same as a .tar.gz, as `desirepath push` hands it in."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w:gz") as archive:
        for name, text in named(files).items():
            item = tarfile.TarInfo(name)
            item.size = len(text.encode())
            archive.addfile(item, io.BytesIO(text.encode()))
    return raw.getvalue()


class Visitors:
    """Four clients that ask again and again; a request that is not answered with 200 was dropped."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.answered, self.dropped = 0, list[str]()
        self.leaving = threading.Event()
        self.clients = [threading.Thread(target=self._visit, args=(number,)) for number in range(4)]

    def __enter__(self) -> Visitors:
        for client in self.clients:
            client.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.leaving.set()
        for client in self.clients:
            client.join()

    def _visit(self, number: int) -> None:
        """Every second one on a kept connection, as browsers do, the others each time on a new one."""
        with httpx.Client(timeout=120) as kept:
            while not self.leaving.is_set():
                try:
                    answer = kept.get(self.address) if number % 2 else httpx.get(self.address, timeout=120)
                    if answer.status_code != 200:
                        self.dropped.append(f"{answer.status_code} {answer.text[:100]}")
                    self.answered += 1
                except httpx.HTTPError as error:
                    self.dropped.append(repr(error))
                self.leaving.wait(0.005)
