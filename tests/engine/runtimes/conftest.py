"""Environments and models for the tests, built once a session and kept beside the checkout's other caches."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from engine.runtimes.model_runtime.needs import requirements_for
from engine.targets.base import Environment
from engine.targets.local.environments import Environments
from tests import made_once

CHECKOUT = Path(__file__).resolve().parents[3]
RUNTIMES = CHECKOUT / "engine" / "runtimes"
MINE = f"{sys.version_info.major}.{sys.version_info.minor}"

# The diabetes study unscaled, sex as text, the target split at its median, half held out.
TRAIN = """
import pickle, sys
import joblib
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_diabetes
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
out = sys.argv[1]
study = load_diabetes(as_frame=True, scaled=False)
table = study.data.assign(sex=study.data.sex.map({1.0: "female", 2.0: "male"}))
label = (study.target > study.target.median()).astype(int)
train, held, label_train, label_held = train_test_split(table, label, test_size=0.5, random_state=0, stratify=label)
numbers = [name for name in table if name != "sex"]
def pipeline(model):
    scale = Pipeline([("fill", SimpleImputer()), ("scale", StandardScaler())])
    encode = OneHotEncoder(handle_unknown="ignore")
    return Pipeline([("prepare", ColumnTransformer([("numbers", scale, numbers), ("sex", encode, ["sex"])])),
                     ("model", model)])
good = pipeline(LogisticRegression(max_iter=500)).fit(train, label_train)
pickle.dump(good, open(f"{out}/good.pkl", "wb"))
pickle.dump(good, open(f"{out}/old.pkl", "wb"), protocol=2)
for compress in (0, "zlib", "gzip", "bz2", "xz", "lzma"):
    joblib.dump(good, f"{out}/good-{compress}.joblib", compress=(compress, 3) if compress else 0)
weak = pipeline(LogisticRegression(C=1e-4)).fit(train[["s6", "sex", *[n for n in table if n not in ("s6", "sex")]]]
                                                [list(table)], label_train.sample(frac=1, random_state=1).to_numpy())
pickle.dump(weak, open(f"{out}/weak.pkl", "wb"))
joblib.dump(pipeline(RandomForestClassifier(50, random_state=0)).fit(train, label_train), f"{out}/forest.joblib")
joblib.dump(pipeline(HistGradientBoostingClassifier(max_iter=20)).fit(train, label_train), f"{out}/boosted.joblib")
names = label_train.map({0: "mild", 1: "severe"})
pickle.dump(pipeline(LogisticRegression(max_iter=500)).fit(train, names), open(f"{out}/worded.pkl", "wb"))
amounts = study.target[train.index]
pickle.dump(pipeline(Ridge()).fit(train, amounts), open(f"{out}/amount.pkl", "wb"))
bare = LogisticRegression(max_iter=2000).fit(train[numbers].to_numpy(), label_train)
pickle.dump(bare, open(f"{out}/bare.pkl", "wb"))
pickle.dump(LogisticRegression(), open(f"{out}/unfitted.pkl", "wb"))
held.assign(severe=label_held).to_csv(f"{out}/holdout.csv", index=False)
held.assign(severe=label_held.map({0: "mild", 1: "severe"})).to_csv(f"{out}/worded.csv", index=False)
held.assign(amount=study.target[held.index]).to_csv(f"{out}/amount.csv", index=False)
"""


@pytest.fixture(scope="session")
def environments(pytestconfig):
    """Kept over sessions where pytest has a cache: an environment takes seconds and hundreds of megabytes."""
    root = getattr(pytestconfig, "cache", None)
    return Environments(Path(root.mkdir("environments")) if root else CHECKOUT / ".pytest_cache" / "d" / "environments")


@pytest.fixture(scope="session")
def python(environments):
    """The interpreter of an environment with the scikit-learn of today's examples."""
    needs = requirements_for("1.7.2")
    return environments.prepare(Environment(MINE, needs.requirements, needs.optional), lambda _: None)


def trained(python, folder):
    folder.mkdir(parents=True)
    subprocess.run([python, "-W", "ignore", "-c", TRAIN, str(folder)], check=True, env={"PATH": os.environ["PATH"]})


@pytest.fixture(scope="session")
def models(python):
    return made_once.once("models", lambda draft: trained(python, draft))


@pytest.fixture
def run(python, tmp_path):
    """Run a job of model_runtime as the target does: run("inspect", model, …) → (exit code, result, stderr)."""

    def job(name, model, *arguments, python=python):
        out = tmp_path / f"{name}.json"
        out.unlink(missing_ok=True)
        done = subprocess.run(
            [python, "-m", f"model_runtime.{name}", "--model", model, *map(str, arguments), "--out", out],
            env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(RUNTIMES), "SECRET": "hush"}, cwd=tmp_path,
            capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        return done.returncode, json.loads(out.read_text()) if out.exists() else None, done.stderr

    return job
