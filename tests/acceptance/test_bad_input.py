"""Bad input: what the person reads says what happened and what to do; nothing is lost or left running."""

from __future__ import annotations

import contextlib
import io
import os
import pickle
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from desirepath.client import ApiError
from engine.models import Artefact, Run, Target, Template
from engine.runtimes.model_runtime.needs import requirements_for
from engine.targets.base import Environment
from engine.targets.dummy import DummyTarget
from engine.targets.local import LocalTarget
from engine.targets.local.environments import Environments
from tests.homes import CHECKOUT, LABEL, Home, answers, environments_folder, examples, home, live, row_of, seed
from tests.waiting import until

pytestmark = pytest.mark.model
__all__ = ["environments_folder", "examples", "home", "seed"]

NAME = "progression"


@pytest.fixture(scope="module")
def standing(seed: Path, environments_folder: Path, examples: Path) -> Iterator[Home]:
    """One home with a model live, for the tests that only hand bad things in; each leaves it as it was."""
    made = Home(seed, environments_folder)
    try:
        live(made, examples / "linear.pkl", NAME)
        made.sign_in()
        yield made
    finally:
        made.end()


@pytest.fixture(autouse=True)
def untouched(request: pytest.FixtureRequest) -> Iterator[None]:
    """What was live is live after each test, and the failed attempt left no release and no run at work."""
    yield
    if "standing" in request.fixturenames:
        client = request.getfixturevalue("standing").client()
        assert client.deployment(NAME)["traffic"] == {"1": 100}
        assert [run for run in client.runs() if run["state"] not in ("succeeded", "failed", "cancelled")] == []


def said(done: subprocess.CompletedProcess[str]) -> str:
    return done.stdout + done.stderr


class Evil:
    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f"touch {self.canary}",)


def test_a_pickle_that_runs_code_is_refused_and_never_executed(standing, tmp_path):
    canary, evil = tmp_path / "canary", tmp_path / "evil.pkl"
    evil.write_bytes(pickle.dumps(Evil(canary)))
    done = standing.cli("serve", evil, "--name", "evil")
    assert done.returncode == 1
    assert "runs a command" in said(done)
    assert "It was not opened" in said(done)
    assert not canary.exists()
    assert standing.client().deployment("evil")["releases"] == []


def test_a_truncated_file_is_refused(standing, examples, tmp_path):
    cut = tmp_path / "cut.pkl"
    cut.write_bytes((examples / "forest.pkl").read_bytes()[:5000])
    done = standing.cli("serve", cut, "--name", "cut")
    assert done.returncode == 1
    assert "cut off" in said(done)
    assert standing.client().deployment("cut")["releases"] == []


def test_a_table_without_the_label_names_the_columns_it_has(standing, examples, tmp_path):
    table = tmp_path / "rows.csv"
    lines = (examples / "holdout.csv").read_text().splitlines()
    table.write_text("\n".join(line.rsplit(",", 1)[0] for line in lines))
    assert LABEL not in table.read_text()
    done = standing.cli("serve", examples / "forest.pkl", "--name", NAME, "--data", table, "--label", LABEL)
    assert done.returncode == 1
    assert f"The table has no column “{LABEL}”" in said(done)
    assert "Its columns are: age, sex" in said(done)
    assert answers(standing.client().deployment(NAME)["address"], row_of(examples / "holdout.csv"))


def test_a_taken_port_is_named_with_what_to_do(standing, examples):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = standing.cli("serve", examples / "linear.pkl", "--name", "elsewhere", "--port", port)
    assert done.returncode == 1
    assert f"Port {port}" in said(done)
    assert "ask for another port" in said(done)


def test_a_second_run_on_the_same_deployment_waits_its_turn(standing, examples):
    client = standing.client()
    model = client.upload(examples / "linear.pkl")
    first = client.start({"model": model, "ask": "yes"}, template="quick", name=NAME)["id"]
    with pytest.raises(ApiError, match=f"run {first} is changing {NAME} already; wait for it, or cancel it") as second:
        client.start({"model": model}, template="quick", name=NAME)
    assert second.value.status == 409
    client.cancel(first)
    until(lambda: client.run(first)["state"] == "cancelled")


def test_a_template_with_an_unknown_key_or_a_loop_without_bound_is_shown_line_and_column(standing, tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text(
        "desirepath: 1\ntemplate: mine\npersona: ml-engineer\nflow:\n"
        "  - {id: look, title: Look, uses: manual, colour: red}\n"
        "  - repeat:\n      until: \"${{ steps.look.status == 'succeeded' }}\"\n      flow:\n"
        "        - {id: again, title: Again, uses: manual}\n"
    )
    done = standing.cli("template", "check", file)
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert any(line.startswith(f"{file}:5:") and "colour" in line for line in lines), lines
    assert any(line.startswith(f"{file}:6:") and "at_most" in line for line in lines), lines


@pytest.fixture(scope="module")
def old_model(environments_folder: Path, examples: Path, pytestconfig: pytest.Config) -> Path:
    """linear.pkl as scikit-learn 1.5.2 makes it."""
    folder = examples / "sklearn-1.5.2"
    if not (folder / "holdout.csv").exists():
        needs = requirements_for("1.5.2")
        python = Environments(environments_folder).prepare(
            Environment("3.11", needs.requirements, needs.optional), lambda _: None
        )
        script = CHECKOUT / "examples" / "model" / "train.py"
        subprocess.run([python, script, folder], check=True, capture_output=True)
    return folder / "linear.pkl"


def test_a_model_of_another_scikit_learn_is_served_in_an_environment_of_its_own(standing, old_model, examples):
    client = standing.client()
    served = client.serve(old_model, name="older", template="quick", until="done")
    assert served.run["state"] == "succeeded", served.run["reason"]
    assert served.deployment
    settings = served.deployment["releases"][0]["settings"]
    assert "scikit-learn==1.5.2" in settings["environment"]["requirements"]
    assert answers(served.deployment["address"], row_of(examples / "holdout.csv"))
    client.remove("older")


def test_without_a_fitting_python_it_names_what_is_missing(run_flow, monkeypatch, examples):
    monkeypatch.setattr(DummyTarget, "pythons", lambda self: ("3.12",))
    old = (examples / "linear.pkl").read_bytes()
    version = old[old.index(b"_sklearn_version") :][:60]
    now = next(text for text in version.decode("latin-1").split("\x94") if text.count(".") == 2)[-5:]
    model = run_flow.hand_in(old.replace(now.encode(), b"1.1.3"))
    run = run_flow("- {id: look, uses: model.inspect, with: {model: '${{ inputs.model }}'}}", model)
    assert run.reason == (
        "look: scikit-learn 1.1.3 needs Python 3.10 or 3.11. Installed here: 3.12. Install Python 3.11, then try again."
    )


@pytest.fixture
def run_flow(alice, team):
    """Start a one-step flow on a target that only records, and execute what is due."""
    from engine.runs import transitions
    from engine.steps import catalogue
    from engine.workers import executor

    def hand_in(data: bytes) -> dict[str, Any]:
        return Artefact.objects.keep(io.BytesIO(data), "model.pkl", team, alice).value()

    def start(flow: str, model: dict[str, Any]) -> Run:
        text = "desirepath: 1\ntemplate: probe\npersona: ml-engineer\ninputs:\n  model: {type: model}\nflow:\n  "
        revision = Template.objects.keep(catalogue.from_yaml(text + flow + "\n"), alice)
        target = Target.objects.create(team=team, name="dummy", kind="dummy")
        run = transitions.start(Run(revision=revision, team=team, target=target, inputs={"model": model}))
        executor.drain()
        run.refresh_from_db()
        return run

    start.hand_in = hand_in  # type: ignore[attr-defined]
    return start


def test_a_session_cannot_end_before_it_starts(as_alice, study, participant):
    form = {
        "sort": "shadowing", "participants": participant.pk, "started_at": "2026-01-02T10:00",
        "ended_at": "2026-01-02T09:00",
    }  # fmt: skip
    page = as_alice.post(f"{study.get_absolute_url()}sessions/new/", form)
    assert "A session cannot end before it begins. Check both times." in page.content.decode()
    assert study.sessions.count() == 0


def test_two_at_once_the_second_says_who_runs_it(home):
    home.up()
    for verb in ("up", "demo"):
        second = home.manage(verb, RUN_ONCE="1")
        assert second.returncode == 1
        assert home.process
        assert f"runs from {home.folder.name}/ already at {home.url} (process {home.process.pid})" in second.stderr
        assert "Use that one, or end it with `make stop`" in second.stderr
        assert "Traceback" not in second.stderr
    assert home.answers()


def test_up_on_a_taken_port_says_which_other_to_take_and_leaves_nothing_running(home):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", home.port))
        taken.listen()
        done = home.manage("up")
    assert done.returncode == 1
    assert f"Port {home.port} is taken" in done.stderr
    assert f"DESIREPATH_PORT={home.port + 1} make run" in done.stderr
    assert home.processes() == []


@pytest.fixture
def full(seed: Path) -> Iterator[Home]:
    """A home on a disk of 16 MB."""
    made = Home()
    mounted = sys.platform == "linux" and os.getuid() == 0
    command = ["mount", "-t", "tmpfs", "-o", "size=16m,mode=700", "tmpfs", str(made.folder)]
    if not mounted or subprocess.run(command, capture_output=True, check=False).returncode:
        made.end()
        pytest.skip("a small disk can only be mounted by root (mount -t tmpfs)")
    try:
        for name in ("db.sqlite3", "secret_key"):
            shutil.copy(seed / name, made.folder / name)
        made.tokens = Home(seed).tokens
        yield made
    finally:
        try:
            made.kill(signal.SIGTERM)
            LocalTarget(made.folder).shutdown()
        finally:
            subprocess.run(["umount", "-l", str(made.folder)], check=False)
            with contextlib.suppress(AssertionError):
                made.end()


def test_on_a_full_disk_an_upload_fails_in_words_and_the_server_goes_on(full, tmp_path):
    full.up()
    client = full.client()
    model = tmp_path / "model.pkl"
    model.write_bytes(os.urandom(4 << 20))
    ballast = full.folder / "ballast"
    room = shutil.disk_usage(full.folder).free
    ballast.write_bytes(b"\0" * (room - (2 << 20)))
    with pytest.raises(ApiError, match=r"The disk is full: the file was not stored\. Make room where"):
        client.upload(model)
    assert [path for path in (full.folder / "artefacts").rglob("*") if path.is_file()] == []
    assert client.ls() == []
    with contextlib.suppress(OSError), ballast.open("ab", buffering=0) as more:
        while more.write(b"\0" * 4096):
            pass
    answer = httpx.get(f"{full.url}/accounts/login/", timeout=20)
    assert answer.status_code == 200
    ballast.unlink()
    assert client.upload(model)["size"] == 4 << 20
