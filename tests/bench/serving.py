"""Our model server against the KServe SDK's, and the gateway against going direct, in one run on this machine.

    python -m tests.bench.serving [--seconds 3] [--model good.pkl]

Prints a table and one line of JSON. The load is a few kept connections on 127.0.0.1. Environments are kept in pytest's
cache, as in the tests. On a shared machine compare the ratios, not the figures.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import selectors
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil

from engine.artefacts.store import Artefacts
from engine.runtimes.model_runtime.needs import requirements_for
from engine.runtimes.model_runtime.server import _sha256
from engine.targets.base import Backend, Environment, Kind, Route, State, Workload
from engine.targets.local import LocalTarget
from engine.targets.local.environments import Environments
from tests.engine.runtimes.conftest import CHECKOUT, MINE, RUNTIMES, trained
from tests.engine.runtimes.test_server import ROW, free_port, tensors
from tests.engine.targets.waiting import until_state
from tests.waiting import until

CONNECTIONS = 4
# KServe's server with the same model, as its SDK's documentation writes one. argv: the model, its form, the port.
KSERVE = """
import pickle, sys
import numpy as np, pandas
from kserve import InferOutput, InferResponse, Model, ModelServer
class Served(Model):
    def load(self):
        if sys.argv[2] == "onnx":
            import onnxruntime
            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = options.inter_op_num_threads = 1
            self.session = onnxruntime.InferenceSession(sys.argv[1], options)
            self.text = {entry.name for entry in self.session.get_inputs() if "string" in entry.type}
        else:
            self.model = pickle.load(open(sys.argv[1], "rb"))
        self.ready = True
        return self.ready
    def predict(self, request, headers=None, **_):
        if sys.argv[2] == "onnx":
            feed = {i.name: np.array(i.data, dtype=object if i.name in self.text else np.float64).reshape(-1, 1)
                    for i in request.inputs}
            predicted, chances = self.session.run(None, feed)
        else:
            table = pandas.DataFrame({i.name: i.data for i in request.inputs})
            chances = self.model.predict_proba(table)
            predicted = chances.argmax(axis=1)
        first = InferOutput("predict", [len(predicted)], "INT64", predicted.tolist())
        second = InferOutput("probabilities", list(chances.shape), "FP64", chances.ravel().tolist())
        return InferResponse(response_id=request.id or "1", model_name="churn", infer_outputs=[first, second])
model = Served("churn")
model.load()
ModelServer(http_port=int(sys.argv[3]), enable_grpc=False, workers=1, access_log_format=None).start([model])
"""


def ask(port: int, sent: bytes, seconds: float) -> tuple[int, float, int]:
    """(answers, seconds, bad answers) of a few connections that each send the next request after the last answer."""
    selector = selectors.DefaultSelector()
    held: dict[socket.socket, bytes] = {}
    for _ in range(CONNECTIONS):
        line = socket.create_connection(("127.0.0.1", port))
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        selector.register(line, selectors.EVENT_READ)
        held[line] = b""
        line.sendall(sent)
    answers = bad = 0
    began = time.perf_counter()
    while (now := time.perf_counter()) - began < seconds:
        for key, _ in selector.select(1):
            line = key.fileobj  # type: ignore[assignment]
            held[line] += line.recv(65536)
            if held[line].endswith(b"}"):
                answers += 1
                bad += not held[line].startswith(b"HTTP/1.1 200")
                held[line] = b""
                line.sendall(sent)
    for line in held:
        line.close()
    return answers, now - began, bad


def cpu(pid: int) -> float:
    """Seconds of processor time of a process and its children."""
    family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    return sum(sum(process.cpu_times()[:2]) for process in family)


@contextlib.contextmanager
def running(command: list[Any], port: int) -> Iterator[int]:
    env = {"PYTHONPATH": str(RUNTIMES), "PATH": "/usr/bin:/bin", "HOME": tempfile.gettempdir(), "OMP_NUM_THREADS": "1"}
    with tempfile.TemporaryFile() as said:
        server = subprocess.Popen([str(part) for part in command], env=env, stdout=said, stderr=said)
        try:
            until(lambda: server.poll() is not None or _ready(port), 90)
            if server.poll() is not None:
                said.seek(0)
                raise SystemExit(said.read().decode()[-2000:])
            yield server.pid
        finally:
            server.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                server.wait(15)
            server.kill()
            server.wait()


def _ready(port: int) -> bool:
    with contextlib.suppress(httpx.HTTPError):
        return httpx.get(f"http://127.0.0.1:{port}/v2/health/ready").status_code == 200
    return False


def request() -> bytes:
    body = json.dumps({"id": "1", "inputs": tensors([ROW])}).encode()
    head = "POST /v2/models/churn/infer HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def measured(command: Callable[[int], list[Any]], seconds: float) -> dict[str, float]:
    port = free_port()
    began = time.perf_counter()
    with running(command(port), port) as pid:
        ready = time.perf_counter() - began
        ask(port, request(), 0.5)
        before = cpu(pid)
        answers, spent, bad = ask(port, request(), seconds)
        used = cpu(pid) - before
        if bad:
            raise SystemExit(
                f"{bad} of {answers} answers were not 200: refusing is cheap, so this would measure nothing."
            )
        memory = psutil.Process(pid).memory_info().rss >> 20
    return {"cpu_ms": round(1000 * used / answers, 3), "rps": round(answers / spent), "bad": bad,
            "ready_s": round(ready, 1), "memory_mb": memory}  # fmt: skip


def through_gateway(python: Path, prepared: Path, seconds: float) -> dict[str, Any]:
    """Requests per second direct and through the gateway, by turns, and what the gateway costs per request."""
    with tempfile.TemporaryDirectory(prefix="dp-") as home:
        target = LocalTarget(Path(home))
        sha = Artefacts(Path(home) / "artefacts").put(prepared / "model.zip")
        argv = (str(python), "-m", "model_runtime.server", "--artefact", f"{{artefact:{sha}}}", "--sha256", sha,
                "--name", "churn", "--port", "{port}")  # fmt: skip
        service = Workload(
            "churn.r1", Kind.SERVICE, argv, {"PYTHONPATH": "{runtimes}"}, health="/v2/health/ready", memory_mb=4000
        )
        try:
            target.apply(service)
            direct = int(until_state(target, "churn.r1", State.READY, seconds=60).address.rpartition(":")[2])
            routed = target.route(Route("churn", (Backend("1", "churn.r1", 100),)))
            gateway = int(routed.address.rpartition(":")[2])
            state = json.loads((target.places.workload("_gateway") / "state.json").read_text())
            figures: dict[str, list[float]] = {"direct": [], "gateway": []}
            bad = 0
            before, asked = cpu(state["program"]["pid"]), 0
            for _ in range(3):
                for name, port in (("direct", direct), ("gateway", gateway)):
                    answers, spent, wrong = ask(port, request(), seconds / 2)
                    figures[name].append(answers / spent)
                    bad += wrong
                    asked += answers if name == "gateway" else 0
            used = cpu(state["program"]["pid"]) - before
        finally:
            target.shutdown()
    found = {name: sorted(values)[1] for name, values in figures.items()}
    return {"direct_rps": round(found["direct"]), "gateway_rps": round(found["gateway"]), "bad": bad,
            "ratio": round(found["gateway"] / found["direct"], 3), "cpu_ms": round(1000 * used / asked, 3)}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--model", default="good.pkl")
    arguments = parser.parse_args()
    kept = Environments(CHECKOUT / ".pytest_cache" / "d" / "environments")
    needs = requirements_for("1.7.2")
    say = lambda line: print(f"  {line}", file=sys.stderr)  # noqa: E731
    ours = kept.prepare(Environment(MINE, needs.requirements, needs.optional), say)
    theirs = kept.prepare(Environment(MINE, ("kserve>=0.15", "scikit-learn==1.7.2", "pandas<3", "onnxruntime")), say)
    with tempfile.TemporaryDirectory() as folder:
        models = trained(ours, Path(folder) / "models")
        prepared = Path(folder) / "prepared"
        subprocess.run(
            [ours, "-m", "model_runtime.prepare", "--model", models / arguments.model, "--name", "churn", "--folder",
             prepared, "--holdout", models / "holdout.csv", "--out", Path(folder) / "r.json"],
            check=True, env={"PYTHONPATH": str(RUNTIMES), "PATH": os.environ["PATH"]},
        )  # fmt: skip
        plain = models / arguments.model

        def server(artefact: Path) -> Callable[[int], list[Any]]:
            return lambda port: [ours, "-m", "model_runtime.server", "--artefact", artefact, "--sha256",
                                 _sha256(artefact), "--name", "churn", "--port", port]  # fmt: skip

        def kserve(model: Path, form: str) -> Callable[[int], list[Any]]:
            return lambda port: [theirs, "-W", "ignore", "-c", KSERVE, model, form, port]

        results: dict[str, dict[str, float]] = {}
        results["ours, ONNX"] = measured(server(prepared / "model.zip"), arguments.seconds)
        results["KServe SDK, scikit-learn"] = measured(kserve(plain, "sklearn"), arguments.seconds)
        results["ours, scikit-learn"] = measured(server(plain), arguments.seconds)
        results["KServe SDK, ONNX"] = measured(kserve(prepared / "model.onnx", "onnx"), arguments.seconds)
        gateway = through_gateway(ours, prepared, arguments.seconds)
    _print(results, gateway)


def _print(results: dict[str, dict[str, float]], gateway: dict[str, Any]) -> None:
    columns = ("cpu_ms", "rps", "ready_s", "memory_mb", "bad")
    print(f"{'server':28}{'CPU ms':>10}{'req/s':>10}{'ready s':>10}{'MB':>10}{'bad':>10}")
    for name, row in results.items():
        print(f"{name:28}" + "".join(f"{row[column]:>10}" for column in columns))
    direct, through = gateway["direct_rps"], gateway["gateway_rps"]
    print(f"\ndirect {direct} req/s, through the gateway {through} req/s: {gateway['ratio']} (goal ≥ 0.25), ", end="")
    print(f"{gateway['cpu_ms']} CPU ms per request in the gateway, {gateway['bad']} bad")
    ratios = {
        form: round(results[f"ours, {form}"]["cpu_ms"] / results[f"KServe SDK, {form}"]["cpu_ms"], 3)
        for form in ("ONNX", "scikit-learn")
    }
    served = round(results["ours, ONNX"]["cpu_ms"] / results["KServe SDK, scikit-learn"]["cpu_ms"], 3)
    print(f"CPU per request over the KServe SDK's: as served {served} (goal ≤ 0.6); like for like {ratios}")
    print(json.dumps({"servers": results, "gateway": gateway, "cpu_ratio": served, "like_for_like": ratios}))


if __name__ == "__main__":
    main()
