"""The jobs on a model, each in the environment of the model."""

import json
import os
import pickle
import subprocess
import sys

import pytest

from engine.runtimes.model_runtime.needs import choose_python, needs_of
from engine.runtimes.model_runtime.scan import scan
from engine.targets.base import Environment
from engine.targets.local.machine import installed

from .conftest import MINE, trained
from .test_scan import Evil

pytestmark = pytest.mark.model


def holdout(models, name="holdout", label="severe"):
    return ("--holdout", models / f"{name}.csv", "--label", label)


def test_inspecting_tells_what_a_person_wants_to_know(run, models):
    code, found, _ = run("inspect", models / "good.pkl")
    assert code == 0
    assert (found["task"], found["classes"], found["estimator"]) == ("classification", [0, 1], "Pipeline")
    assert [step["class"] for step in found["steps"]] == [
        "ColumnTransformer", "SimpleImputer → StandardScaler", "OneHotEncoder", "LogisticRegression"]  # fmt: skip
    by_name = {feature["name"]: feature for feature in found["features"]}
    assert by_name["sex"] == {"name": "sex", "type": "text", "categories": ["female", "male"]}
    assert by_name["bmi"]["type"] == "number"
    assert 20 < found["sample_row"]["bmi"] < 35
    assert found["sklearn_version"] == "1.7.2"
    assert found["onnx"] is True
    assert "notes" not in found or "user namespaces" in found["notes"][0]


@pytest.mark.parametrize("file", ["good-0.joblib", "good-xz.joblib", "old.pkl", "forest.joblib", "boosted.joblib"])
def test_every_format_is_opened(run, models, file):
    code, found, said = run("inspect", models / file, "--holdout", models / "holdout.csv")
    assert code == 0, said
    assert len(found["features"]) == 10
    assert found["sample_row"]["sex"] in ("female", "male")


def test_a_model_that_was_never_fitted_is_refused(run, models):
    code, found, said = run("inspect", models / "unfitted.pkl")
    assert code == 2
    assert "never fitted" in found["error"]
    assert found["error"] in said


def test_a_pickle_that_runs_code_is_refused_and_does_not_run(run, tmp_path):
    proof = tmp_path / "proof"
    (tmp_path / "evil.pkl").write_bytes(pickle.dumps(Evil(os.system, f"touch {proof}")))
    code, found, _ = run("inspect", tmp_path / "evil.pkl")
    assert code == 2
    assert "runs a command" in found["error"]
    assert not proof.exists()


def test_the_loader_refuses_by_itself_what_a_scan_would_have(python, tmp_path):
    """Were the scan fooled, the second door is shut as well: numpy.memmap and functions that import by name."""
    program = """
import io, sys
from model_runtime.loading import _AllowList
from model_runtime.reading import BadModel
for data in (b"\\x80\\x04\\x8c\\x05numpy\\x8c\\x06memmap\\x93(\\x8c\\x01x\\x8c\\x05uint8\\x8c\\x02w+tR.",
             b"\\x80\\x04\\x8c\\x0bnumpy._core\\x8c\\x12_ufunc_reconstruct\\x93\\x8c\\x02os\\x8c\\x06system\\x86R.",
             b"\\x80\\x04\\x8c\\x07_codecs\\x8c\\x06encode\\x93\\x8c\\x01a\\x8c\\x05rot13\\x86R."):
    try:
        print("opened", _AllowList(io.BytesIO(data), frozenset()).load())
    except BadModel as error:
        print(error)
"""
    runtimes = os.path.join(os.path.dirname(__file__), "../../../engine/runtimes")
    done = subprocess.run(
        [python, "-c", program], capture_output=True, text=True, cwd=tmp_path, env={"PYTHONPATH": runtimes}
    )
    assert "opened" not in done.stdout, done.stdout + done.stderr
    assert done.stdout.count("\n") == 3
    assert not (tmp_path / "x").exists()


def test_a_job_has_neither_our_secrets_nor_the_network(python, tmp_path):
    program = """
import os, socket
from model_runtime.confine import confine
note = confine(seconds=60)
try:
    socket.create_connection(("127.0.0.1", int(os.environ["PORT"])), timeout=2)
    reached = True
except OSError:
    reached = False
print(note == "" and not reached or bool(note), "SECRET" in os.environ)
"""
    runtimes = os.path.join(os.path.dirname(__file__), "../../../engine/runtimes")
    import socket

    with socket.create_server(("127.0.0.1", 0)) as listening:
        env = {"PYTHONPATH": runtimes, "SECRET": "hush", "PORT": str(listening.getsockname()[1])}
        done = subprocess.run([python, "-c", program], capture_output=True, text=True, env=env, check=True)
    assert done.stdout == "True False\n"


def test_evaluating_gives_a_figure_with_its_interval(run, models, tmp_path):
    code, found, said = run("evaluate", models / "good.pkl", *holdout(models), "--scores", tmp_path / "scores.json")
    assert code == 0, said
    assert (found["metric"], found["n"], found["greater_is_better"]) == ("auc", 221, True)
    low, high = found["interval"]
    assert 0.75 < low < found["value"] < high < 0.92
    assert len(json.loads((tmp_path / "scores.json").read_text())["scores"]) == 221


def test_words_for_classes_and_numbers_for_targets_are_measured_too(run, models):
    _, worded, _ = run("evaluate", models / "worded.pkl", *holdout(models, "worded"))
    _, same, _ = run("evaluate", models / "good.pkl", *holdout(models))
    assert worded["value"] == pytest.approx(same["value"])
    code, amount, _ = run("evaluate", models / "amount.pkl", *holdout(models, "amount", "amount"))
    assert code == 0
    assert amount["metric"] == "r2"
    assert amount["interval"][0] < amount["value"] < amount["interval"][1]


@pytest.mark.parametrize(
    ("change", "label", "sentence"),
    [
        (lambda text: text, "churned", "no column “churned” for the label. Its columns are: age, sex, .*severe"),
        (lambda text: text.replace("bmi", "BMI", 1), "severe", "lacks bmi, which the model needs"),
        (lambda text: "", "severe", "cannot be read as CSV"),
        (lambda text: text.splitlines()[0], "severe", "no rows"),
        (lambda text: "\n".join(line.rsplit(",", 1)[0] + (",severe" if not n else ",7")
                                for n, line in enumerate(text.splitlines())), "severe", "none of the model's classes"),
        (lambda text: "\n".join(line.rsplit(",", 1)[0] + (",severe" if not n else ",1")
                                for n, line in enumerate(text.splitlines())), "severe", "same “severe”"),
        (lambda text: text.replace("\n", "\nold,", 1).replace("old,", "old"), "severe", "age should hold numbers"),
    ],
)  # fmt: skip
def test_a_table_that_does_not_fit_is_told_so(run, models, tmp_path, change, label, sentence):
    import re

    table = tmp_path / "table.csv"
    table.write_text(change((models / "holdout.csv").read_text()))
    code, found, _ = run("evaluate", models / "good.pkl", "--holdout", table, "--label", label)
    assert code == 2
    assert re.search(sentence, found["error"]), found["error"]


def test_parity_holds_on_the_holdout(run, models):
    code, found, _ = run("parity", models / "good.pkl", *holdout(models), "--reference", models / "holdout.csv")
    assert code == 0
    assert (found["ok"], found["failures"], found["warnings"]) == (True, [], [])
    assert max(found["psi"].values()) == 0


@pytest.mark.parametrize(
    ("old", "new", "failure"),
    [
        ("age,sex", "sex,age", "No value of sex|another order"),
        ("bmi", "BMI", "bmi is missing; perhaps it is called BMI here"),
        ("age,", "extra,", "extra is not a feature"),
        ("female", "f", "male, which|No value|never saw|ok"),
    ],
)
def test_parity_says_which_column_is_off(run, models, tmp_path, old, new, failure):
    import re

    table = tmp_path / "table.csv"
    text = (models / "holdout.csv").read_text()
    table.write_text(text.replace(old, new) if old == "female" else text.replace(old, new, 1))
    code, found, _ = run("parity", models / "good.pkl", "--holdout", table, "--label", "severe")
    assert code == 0
    said = " ".join(found["failures"] + found["warnings"])
    assert re.search(failure, said), said
    assert found["ok"] is (old == "female")


def test_too_few_rows_are_not_judged_for_drift(run, models, tmp_path):
    few = tmp_path / "few.csv"
    few.write_text("\n".join((models / "holdout.csv").read_text().splitlines()[:121]))
    _, found, _ = run("parity", models / "good.pkl", "--holdout", few, "--label", "severe", "--reference", few)
    assert found["warnings"] == ["The distributions are not judged yet: 120 of 200 rows."]


def test_comparing_decides_by_the_paired_difference(run, models, tmp_path):
    _, better, _ = run("compare", models / "good.pkl", "--live", models / "weak.pkl", *holdout(models))
    assert better["verdict"] == "better"
    assert better["interval"][0] > 0
    assert better["difference"] == pytest.approx(better["new"] - better["live"])
    _, worse, _ = run("compare", models / "weak.pkl", "--live", models / "good.pkl", *holdout(models))
    assert worse["verdict"] == "worse"
    assert worse["difference"] == pytest.approx(-better["difference"])
    _, same, _ = run("compare", models / "good.pkl", "--live", models / "good.pkl", *holdout(models))
    assert (same["verdict"], same["difference"], same["agreement"]) == ("same", 0.0, 1.0)
    run("evaluate", models / "weak.pkl", *holdout(models), "--scores", tmp_path / "s.json")
    _, kept, _ = run("compare", models / "good.pkl", "--live-scores", tmp_path / "s.json", *holdout(models))
    assert kept["interval"] == better["interval"]


@pytest.mark.parametrize(
    ("file", "onnx"), [("good.pkl", True), ("forest.joblib", True), ("boosted.joblib", None), ("worded.pkl", True),
                       ("amount.pkl", True), ("bare.pkl", True)],
)  # fmt: skip
def test_preparing_converts_only_what_answers_alike(run, models, tmp_path, file, onnx):
    folder = tmp_path / "served"
    extra = [] if file == "bare.pkl" else ["--holdout", models / "holdout.csv"]
    code, found, said = run("prepare", models / file, "--name", "churn", "--folder", folder, *extra)
    assert code == 0, said
    assert onnx is None or found["onnx"] is onnx, found["why"]
    assert found["onnx"] == (folder / "model.onnx").exists()
    assert {"model.zip", "model-settings.json", "schema.json", "sample.json"} <= set(found["files"])
    settings = json.loads((folder / "model-settings.json").read_text())
    assert settings["implementation"] == "mlserver_sklearn.SKLearnModel"
    assert (folder / settings["parameters"]["uri"]).exists()


@pytest.mark.skipif(len(installed()) < 2, reason="only one Python is installed")
def test_a_model_of_another_scikit_learn_is_opened_with_its_own_and_refused_by_others(
    run, environments, models, tmp_path
):
    """Made with 1.5.2 on another Python than ours."""
    other = next(minor for minor in ("3.10", "3.12") if minor in installed() and minor != MINE)
    needs_152 = ("scikit-learn==1.5.2", "numpy<2", "pandas<3", "scipy<1.16")
    maker = environments.prepare(Environment(other, needs_152), lambda _: None)
    old = tmp_path / "old"
    trained(maker, old)
    for file in ("good.pkl", "good-zlib.joblib", "forest.joblib", "boosted.joblib"):
        found = scan(old / file)
        assert (found.sklearn_version, found.problem) == ("1.5.2", ""), file
    code, refused, _ = run("inspect", old / "good.pkl")
    assert code == 2
    assert "made with scikit-learn 1.5.2 and this environment has 1.7.2" in refused["error"]
    needs = needs_of(scan(old / "good.pkl"))
    wanted = Environment(choose_python(needs, tuple(installed()), preferred=MINE), needs.requirements, needs.optional)
    fitting = environments.prepare(wanted, lambda _: None)
    for file in ("good.pkl", "forest.joblib", "boosted.joblib"):
        code, measured, said = run("evaluate", old / file, *holdout(old), python=fitting)
        assert code == 0, said
        assert measured["value"] > 0.78
    assert sys.version_info[:2] != tuple(map(int, other.split(".")))
