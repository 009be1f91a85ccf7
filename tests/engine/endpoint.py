"""A target that records and whose endpoints really answer, and a model file that says what a scan wants to know."""

from __future__ import annotations

import dataclasses
import pickle
import sys
import threading
import types
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from unittest.mock import patch

from engine.targets.base import Kind, Route, RouteStatus, State, Status, Workload
from engine.targets.dummy import DummyTarget


class Scripted(DummyTarget):
    """Jobs and services come to what the test said of the first part of their name; routes lead to a real server."""

    def __init__(self, address: str = "") -> None:
        super().__init__()
        self.address = address
        self.will: dict[str, Status] = {}
        self.log: dict[str, str] = {}

    def comes_to(self, what: str, result: dict[str, Any] | None = None, *, log: str = "", **more: Any) -> None:
        state = more.pop("state", State.SUCCEEDED)
        self.will[what] = Status(state, result=result, **more)
        self.log[what] = log

    def apply(self, workload: Workload) -> Status:
        what = workload.name.rpartition("-")[0]
        if (found := self.will.get(what)) is not None:
            self.ends(
                workload.name, found.state, result=found.result, files=found.files, reason=found.reason,
                log=self.log[what],
            )  # fmt: skip
        return super().apply(workload)

    def route(self, route: Route) -> RouteStatus:
        return dataclasses.replace(super().route(route), address=self.address)

    def started(self, kind: Kind = Kind.JOB) -> list[str]:
        """The workloads of this kind, by the first part of their names."""
        return [name.rpartition("-")[0] for name, work in self.workloads.items() if work.kind is kind]


class Endpoint:
    """Answers as the target's route says, as the gateway would: by the header, else the release with most requests."""

    def __init__(self) -> None:
        self.target = Scripted()
        self.status = 200
        self.broken: set[str] = set()  # releases that answer 500

    def answer(self, asked: str | None) -> tuple[int, str]:
        routes = list(self.target.routes.values())
        if not routes:
            return self.status, ""
        main = max(routes[-1].route.backends, key=lambda backend: (backend.weight, int(backend.release)))
        release = asked or main.release
        return (500 if release in self.broken else self.status), release


@contextmanager
def answering() -> Iterator[Endpoint]:
    endpoint = Endpoint()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, release = endpoint.answer(self.headers.get("X-Desirepath-Release"))
            body = b'{"predictions": [1]}'
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("X-Desirepath-Release", release)
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        endpoint.target.address = f"http://127.0.0.1:{server.server_port}"
        yield endpoint
        server.shutdown()
        thread.join()


def model_file(version: str = "1.7.2", unlike: str = "") -> bytes:
    """A pickle that names a scikit-learn class and its version; no scikit-learn is needed to write it."""
    name = "sklearn.linear_model._logistic"
    module = types.ModuleType(name)
    made = type("LogisticRegression", (), {"__module__": name})
    module.LogisticRegression = made  # type: ignore[attr-defined]
    model = made()
    model.__dict__.update(_sklearn_version=version, coef_=1.5, note=unlike)
    parents = {"sklearn": types.ModuleType("sklearn"), "sklearn.linear_model": types.ModuleType("sklearn.linear_model")}
    with patch.dict(sys.modules, {**parents, name: module}):
        return pickle.dumps(model)


PREPARED: dict[str, Any] = {
    "onnx": True, "why": "", "sample_row": {"age": 40.0}, "sample_answer": {"predictions": [1]}, "sha256": "f" * 64,
}  # fmt: skip
FILES = {"model.zip": "f" * 64}


def figure(value: float, low: float, high: float) -> dict[str, Any]:
    """What model_runtime.evaluate says."""
    return {"metric": "auc", "value": value, "interval": [low, high], "n": 221}
