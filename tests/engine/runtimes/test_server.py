"""The model server, and the real KServe client talking to it unchanged."""

import contextlib
import json
import os
import shutil
import socket
import subprocess

import httpx
import pytest

from engine.runtimes.model_runtime.server import _sha256
from engine.targets.base import Environment
from tests.waiting import until

from .conftest import MINE, RUNTIMES

pytestmark = pytest.mark.model

ROW = {"age": 59, "sex": "male", "bmi": 32.1, "bp": 101.0, "s1": 157, "s2": 93.2, "s3": 38.0, "s4": 4.0, "s5": 4.8598,
       "s6": 87}  # fmt: skip


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def serving(python, artefact, *, sha=None, name="churn", version="3"):
    port = free_port()
    command = [python, "-m", "model_runtime.server", "--artefact", artefact, "--sha256", sha or _sha256(artefact),
               "--name", name, "--version", version, "--port", str(port)]  # fmt: skip
    server = subprocess.Popen(command, env={"PYTHONPATH": str(RUNTIMES), "PATH": "/usr/bin:/bin", "SECRET": "hush"})
    address = f"http://127.0.0.1:{port}"

    def ready():
        assert server.poll() is None, "the server ended"
        with contextlib.suppress(httpx.HTTPError):
            return httpx.get(f"{address}/v2/health/ready").status_code == 200

    try:
        until(ready)
        yield address
    finally:
        server.terminate()
        server.wait(240)


@pytest.fixture(scope="module")
def prepared(python, models, tmp_path_factory):
    """good.pkl as it is served: a folder, and the same in one file."""
    folder = tmp_path_factory.mktemp("prepared")
    subprocess.run(
        [python, "-m", "model_runtime.prepare", "--model", models / "good.pkl", "--name", "churn", "--version", "3",
         "--holdout", models / "holdout.csv", "--folder", folder, "--out", folder.parent / "prepared.json"],
        check=True, env={"PYTHONPATH": str(RUNTIMES)},
    )  # fmt: skip
    return folder


@pytest.fixture(scope="module", params=["onnx", "sklearn"])
def server(request, python, prepared, models):
    """Both forms of one model: what holds for one holds for the other."""
    artefact = prepared / "model.zip" if request.param == "onnx" else models / "good.pkl"
    with serving(python, artefact) as address, httpx.Client(base_url=address, timeout=20) as client:
        yield client


def tensors(rows):
    return [
        {"name": name, "shape": [len(rows)], "datatype": "BYTES" if name == "sex" else "FP64",
         "data": [row[name] for row in rows]} for name in ROW
    ]  # fmt: skip


def test_all_paths_of_the_protocol_answer(server):
    assert server.get("/v2").json()["name"] == "desirepath"
    assert server.get("/v2/health/live").status_code == 200
    assert server.get("/v2/health/ready").status_code == 200
    for path in ("/v2/models/churn", "/v2/models/churn/versions/3"):
        found = server.get(path).json()
        assert found["name"] == "churn"
        assert [entry["name"] for entry in found["inputs"]] == list(ROW)
        assert {entry["name"]: entry["datatype"] for entry in found["inputs"]}["sex"] == "BYTES"
        assert [entry["name"] for entry in found["outputs"]] == ["predict", "probabilities"]
        assert server.get(f"{path}/ready").json()["ready"] is True
        answer = server.post(f"{path}/infer", json={"id": "a", "inputs": tensors([ROW])})
        assert (answer.status_code, answer.json()["id"]) == (200, "a")
    for path in ("/v2/models/other", "/v2/models/churn/versions/4"):
        assert server.get(path).status_code == 404
        assert "nothing else" in server.post(f"{path}/infer", json={}).json()["error"]


def test_rows_are_answered_alike_however_they_are_sent(server):
    rows = [ROW, {**ROW, "bmi": 20.0, "sex": "female"}, {**ROW, "s5": 6.0}]
    tensor = server.post("/v2/models/churn/infer", json={"inputs": tensors(rows)}).json()
    outputs = {output["name"]: output for output in tensor["outputs"]}
    assert outputs["predict"]["shape"] == [3]
    assert outputs["probabilities"]["shape"] == [3, 2]
    plain = server.post("/predict", json={"rows": rows}).json()["predictions"]
    assert [row["predict"] for row in plain] == outputs["predict"]["data"]
    assert [p for row in plain for p in row["probabilities"].values()] == outputs["probabilities"]["data"]
    alone = server.post("/predict", json=ROW).json()["predictions"][0]
    assert alone["predict"] == plain[0]["predict"]
    assert alone["probabilities"] == pytest.approx(plain[0]["probabilities"])


def test_both_forms_give_the_probabilities_of_the_pickle(server, python, models):
    program = (
        f"import pickle, pandas; m = pickle.load(open({str(models / 'good.pkl')!r}, 'rb'))\n"
        f"print(m.predict_proba(pandas.DataFrame([{ROW!r}]))[0][1])"
    )
    said = subprocess.run([python, "-c", program], capture_output=True, text=True, check=True).stdout
    found = server.post("/predict", json=ROW).json()["predictions"][0]["probabilities"]["1"]
    assert found == pytest.approx(float(said), abs=1e-6)


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({"inputs": []}, "needs \"inputs\""),
        ([], "needs \"inputs\""),
        ({"inputs": tensors([ROW])[1:]}, "age missing"),
        ({"inputs": [*tensors([ROW]), {"name": "extra", "shape": [1], "datatype": "FP64", "data": [1]}]},
         "extra unknown"),
        ({"inputs": [{"name": "x", "shape": [1, 3], "datatype": "FP64", "data": [1, 2, 3]}]}, "takes 10 columns"),
        ({"inputs": [{**tensors([ROW])[0], "data": [1, 2]}, *tensors([ROW])[1:]]}, "same number of rows"),
        ({"inputs": [{**tensors([ROW])[0], "data": ["old"]}, *tensors([ROW])[1:]]},
         "age takes a number; it was given 'old'"),
        ({"inputs": [{**entry, "data": [3]} if entry["name"] == "sex" else entry for entry in tensors([ROW])]},
         "sex takes text; it was given 3"),
        ({"inputs": [{"name": "age", "shape": [1], "datatype": "FP64"}]}, "no list of data"),
    ],
)  # fmt: skip
def test_a_request_that_does_not_fit_gets_a_sentence(server, body, sentence):
    answer = server.post("/v2/models/churn/infer", json=body)
    assert answer.status_code == 400
    assert sentence in answer.json()["error"]


def test_bodies_that_are_not_json_get_a_sentence(server):
    for path in ("/v2/models/churn/infer", "/predict"):
        answer = server.post(path, content=b"\xff\x00{")
        assert (answer.status_code, answer.json()["error"]) == (400, "The body is not JSON.")
    assert "sex" in server.post("/predict", json={"age": 3}).json()["error"]
    assert server.post("/predict", json={"rows": "x"}).status_code == 400
    assert server.get("/v2/models/churn/infer").status_code == 405


def test_a_missing_value_is_answered_or_refused_never_an_error_of_the_server(server):
    assert server.post("/predict", json={**ROW, "bmi": None}).status_code == 200
    assert server.post("/predict", json={**ROW, "sex": None}).status_code in (200, 400)


def test_anything_but_what_was_approved_is_not_served(python, prepared, tmp_path):
    def refused(artefact, sha):
        done = subprocess.run(
            [python, "-m", "model_runtime.server", "--artefact", artefact, "--sha256", sha, "--name", "churn",
             "--port", str(free_port())],
            capture_output=True, text=True, env={"PYTHONPATH": str(RUNTIMES)}, timeout=60,
        )  # fmt: skip
        assert done.returncode == 2
        return done.stderr

    assert "not what was approved" in refused(prepared / "model.zip", "0" * 64)
    changed = tmp_path / "changed"
    shutil.copytree(prepared, changed)
    with (changed / "model.onnx").open("ab") as file:
        file.write(b"\0")
    assert "model.onnx was changed" in refused(changed, _sha256(changed / "model.pkl"))
    with serving(python, prepared, sha=_sha256(prepared / "model.pkl")) as address:
        assert httpx.get(f"{address}/v2/models/churn").json()["platform"] == "onnx"


def test_a_port_that_is_taken_is_said(python, models):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        done = subprocess.run(
            [python, "-m", "model_runtime.server", "--artefact", models / "good.pkl", "--sha256", "0" * 64,
             "--name", "churn", "--port", str(port)],
            capture_output=True, text=True, env={"PYTHONPATH": str(RUNTIMES)}, timeout=60,
        )  # fmt: skip
    assert done.returncode == 2
    assert f"Port {port} is taken" in done.stderr


def test_words_numbers_and_bare_columns_are_served_too(python, models):
    with serving(python, models / "worded.pkl", name="worded") as address:
        found = httpx.post(f"{address}/predict", json=ROW).json()["predictions"][0]
        assert found["predict"] in ("mild", "severe")
        assert set(found["probabilities"]) == {"mild", "severe"}
    with serving(python, models / "bare.pkl", name="bare") as address:
        inputs = [{"name": "any", "shape": [2, 9], "datatype": "FP64", "data": [1.0] * 18}]
        answer = httpx.post(f"{address}/v2/models/bare/infer", json={"inputs": inputs}).json()
        assert answer["outputs"][0]["shape"] == [2]
    with serving(python, models / "amount.pkl", name="amount") as address:
        assert isinstance(httpx.post(f"{address}/predict", json=ROW).json()["predictions"][0]["predict"], float)


CLIENT = """
import asyncio, json, sys
import numpy as np
from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig
row = json.loads(sys.argv[2])
async def main():
    client = InferenceRESTClient(RESTConfig(protocol="v2"))
    base = sys.argv[1]
    assert await client.is_server_live(base) and await client.is_server_ready(base)
    assert await client.is_model_ready(base, "churn")
    for binary in (False, True):
        inputs = []
        for name, value in row.items():
            kind = "BYTES" if isinstance(value, str) else "FP64"
            tensor = InferInput(name, [2], kind)
            array = np.array([value] * 2, dtype=np.object_ if kind == "BYTES" else np.float64)
            tensor.set_data_from_numpy(array, binary_data=binary)
            inputs.append(tensor)
        answer = await client.infer(base, InferRequest("churn", inputs, request_id="7"), model_name="churn")
        outputs = {output.name: output.as_numpy() for output in answer.outputs}
        print(json.dumps([answer.id, outputs["predict"].tolist(), outputs["probabilities"].shape]))
asyncio.run(main())
"""


def test_the_kserve_client_talks_to_it_unchanged(server, environments):
    kserve = environments.prepare(Environment(MINE, ("kserve>=0.15",)), lambda _: None)
    wanted = server.post("/predict", json=ROW).json()["predictions"][0]["predict"]
    done = subprocess.run(
        [kserve, "-W", "ignore", "-c", CLIENT, str(server.base_url).rstrip("/"), json.dumps(ROW)],
        capture_output=True, text=True, env={"PATH": os.environ["PATH"], "HOME": os.environ["HOME"]}, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert [json.loads(line) for line in done.stdout.splitlines()] == [["7", [wanted] * 2, [2, 2]]] * 2
