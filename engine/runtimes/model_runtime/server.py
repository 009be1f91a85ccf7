"""A thin Open Inference Protocol v2 server.

    python -m model_runtime.server --artefact FILE|FOLDER --sha256 APPROVED --name churn --version 3 --port PORT

FILE is what `prepare` packed (`model.zip`) or a model's own file; FOLDER is `prepare`'s folder. It refuses to serve
anything but the approved sha256: of the file, or of the folder's model file.

It listens first and then gives up its network, so that a model which is opened afterwards can reach nobody.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import socket
import sys
import tempfile
import time
import zipfile
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from . import protocol
from .confine import confine
from .features import Feature
from .model import Answer, Onnx, open_model
from .reading import BadModel

Send = Callable[[Mapping[str, Any]], Awaitable[None]]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Scope = Mapping[str, Any]

BODY_LIMIT = 64 << 20  # bytes
SLOW_ANSWER = 0.02  # seconds: a slower answer is computed in a thread, so that health checks are answered meanwhile
PARTS = ("model.pkl", "model.joblib", "model.onnx", "schema.json", "sample.json", "model-settings.json")


class Served:
    """A model with the name it is served under."""

    def __init__(self, model: Any, name: str, version: str) -> None:
        self.model, self.name, self.version = model, name, version
        self.features: list[Feature] = model.features
        self.classes: list[Any] = model.classes
        self.seconds_a_row = 0.0
        usual = {feature.name: [feature.usual] for feature in self.features}
        self.probabilities = model.answer(usual).probabilities is not None  # and the first request is not the slow one

    async def answer(self, columns: protocol.Columns, rows: int) -> Answer:
        began = time.perf_counter()
        if self.seconds_a_row * rows > SLOW_ANSWER:
            from starlette.concurrency import run_in_threadpool

            answer: Answer = await run_in_threadpool(self.model.answer, columns)
        else:
            answer = self.model.answer(columns)
        self.seconds_a_row = 0.9 * self.seconds_a_row + 0.1 * (time.perf_counter() - began) / rows
        return answer

    async def infer(self, body: bytes, headers: Mapping[bytes, bytes]) -> Any:
        request, raw = protocol.split(body, headers.get(b"inference-header-content-length", b"").decode())
        columns, rows = protocol.columns_of(request, self.features, raw)
        answer = await self.answer(columns, rows)
        return protocol.response(self.name, self.version, request.get("id"), answer, self.classes)

    async def predict(self, body: bytes) -> Any:
        request, _ = protocol.split(body, None)
        rows = request.get("rows", [request]) if isinstance(request, dict) else request
        columns, count = protocol.columns_of_rows(rows, self.features)
        predictions = protocol.predictions(await self.answer(columns, count), self.classes)
        return {"model": self.name, "version": self.version, "predictions": predictions}

    def metadata(self) -> Any:
        return protocol.metadata(
            self.name, self.version, self.model.platform, self.features, self.classes, self.probabilities
        )


class App:
    """The ASGI application. Inference, which is nearly all of the traffic, is answered before any routing."""

    def __init__(self, served: Served, rest: Any) -> None:
        self.served, self.rest = served, rest
        base = f"/v2/models/{served.name}"
        self.infer = {f"{base}/infer", f"{base}/versions/{served.version}/infer"}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "POST":
            path = scope["path"]
            if path in self.infer:
                return await self._post(lambda body: self.served.infer(body, dict(scope["headers"])), receive, send)
            if path == "/predict":
                return await self._post(self.served.predict, receive, send)
        await self.rest(scope, receive, send)
        return None

    async def _post(self, work: Callable[[bytes], Awaitable[Any]], receive: Receive, send: Send) -> None:
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if message["type"] == "http.disconnect":
                return
            if len(body) > BODY_LIMIT:
                await _json(send, 413, {"error": "The request is larger than 64 MB: send fewer rows at a time."})
                return
            if not message.get("more_body"):
                break
        try:
            await _json(send, 200, await work(body))
        except BadModel as error:
            await _json(send, 400, {"error": str(error)})


async def _json(send: Send, status: int, value: Any) -> None:
    try:
        body = json.dumps(value, allow_nan=False).encode()
    except ValueError:  # a model that answers “not a number”
        status, body = 400, b'{"error": "The model has no answer for this row: it gave no number."}'
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def application(served: Served) -> App:
    """All paths of the protocol, and POST /predict."""
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import JSONResponse, Response
    from starlette.routing import Route

    async def live(request: Request) -> Response:
        return JSONResponse({"live": True})

    async def ready(request: Request) -> Response:
        return JSONResponse({"ready": True})

    async def server(request: Request) -> Response:
        return JSONResponse({"name": "desirepath", "version": "1", "extensions": ["binary_tensor_data"]})

    async def model(request: Request) -> Response:
        unknown: Response | None = _unknown(request, served)
        if unknown:
            return unknown
        if request.url.path.endswith("/ready"):
            return JSONResponse({"name": served.name, "ready": True})
        return JSONResponse(served.metadata())

    async def other(request: Request) -> Response:
        unknown: Response | None = _unknown(request, served)
        return unknown or JSONResponse({"error": "Use POST."}, 405)

    routes = [
        Route("/v2", server),
        Route("/v2/health/live", live),
        Route("/v2/health/ready", ready),
        Route("/v2/models/{name}/infer", other, methods=["GET", "POST"]),
        Route("/v2/models/{name}/versions/{version}/infer", other, methods=["GET", "POST"]),
    ]
    for path in ("/v2/models/{name}", "/v2/models/{name}/versions/{version}"):
        routes += [Route(path, model), Route(f"{path}/ready", model)]
    return App(served, Starlette(routes=routes))


def _unknown(request: Any, served: Served) -> Any:
    from starlette.responses import JSONResponse

    asked = request.path_params
    if asked["name"] == served.name and asked.get("version", served.version) == served.version:
        return None
    return JSONResponse({"error": f"This serves {served.name} in version {served.version}, nothing else."}, 404)


def find(artefact: Path, approved: str) -> tuple[Path, dict[str, Any] | None]:
    """(the model's file, the schema of a prepared one), when it is what was approved. Raises BadModel."""
    if artefact.is_dir():
        schema = json.loads((artefact / "schema.json").read_text(encoding="utf-8"))
        _approve(artefact / str(schema["file"]), approved)
        return _verified(artefact, schema)
    _approve(artefact, approved)
    if not zipfile.is_zipfile(artefact):
        return artefact, None
    folder = Path(tempfile.mkdtemp(prefix="model-"))
    with zipfile.ZipFile(artefact) as archive:
        for name in set(archive.namelist()) & set(PARTS):
            (folder / name).write_bytes(archive.read(name))
    return _verified(folder, json.loads((folder / "schema.json").read_text(encoding="utf-8")))


def _approve(path: Path, approved: str) -> None:
    if (digest := _sha256(path)) != approved:
        raise BadModel(
            f"{path.name} is not what was approved: its sha256 is {digest[:12]}…, approved was {approved[:12]}…. "
            "It is not served."
        )


def _verified(folder: Path, schema: dict[str, Any]) -> tuple[Path, dict[str, Any]]:
    """Every model file is the one that was prepared."""
    for name, wanted in schema["sha256"].items():
        if name not in PARTS or _sha256(folder / name) != wanted:
            raise BadModel(f"{name} was changed after it had been prepared. It is not served.")
    return folder / str(schema["serves"]), schema


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def opened(path: Path, schema: dict[str, Any] | None, allow: list[str]) -> Any:
    if schema is not None and path.suffix == ".onnx":
        return Onnx(path, schema if schema["file"] != "model.onnx" else None)
    return open_model(path, allow=[*allow, *(schema or {}).get("allow", [])])


def main() -> None:
    arguments = _arguments()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((arguments.host, arguments.port))
    except OSError as error:
        _give_up(f"Port {arguments.port} is taken: {error.strerror}.")
    listening.set_inheritable(True)
    note = confine(seconds=None)
    if note:
        sys.stderr.write(f"{note}\n")
    import uvicorn

    try:
        path, schema = find(arguments.artefact, arguments.sha256)
        served = Served(opened(path, schema, arguments.allow), arguments.name, arguments.version)
    except BadModel as error:
        _give_up(str(error))
    app: Any = application(served)
    config = uvicorn.Config(
        app, access_log=False, log_level="warning", lifespan="off", timeout_keep_alive=75, server_header=False,
        timeout_graceful_shutdown=8,
    )  # fmt: skip
    sys.stderr.write(f"{served.name} {served.version} is served as {served.model.platform}\n")
    uvicorn.Server(config).run(sockets=[listening])


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Serve a model over the Open Inference Protocol v2.")
    parser.add_argument("--artefact", type=Path, required=True, help="model.zip, a model's file, or a prepared folder")
    parser.add_argument("--sha256", required=True, help="what was approved; anything else is refused")
    parser.add_argument("--name", required=True)
    parser.add_argument("--version", default="1")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--allow", action="append", default=[], help="a name a person approved for this file")
    return parser.parse_args()


def _give_up(sentence: str) -> Any:
    sys.stderr.write(f"{sentence}\n")
    raise SystemExit(2)


if __name__ == "__main__":
    main()
