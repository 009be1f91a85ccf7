"""The tutorials, run command by command in a real home, as their readers would."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.code_blocks import CHECKOUT, blocks, compare, run_shell
from tests.homes import Home, environments_folder, examples, home, seed

pytestmark = pytest.mark.model
__all__ = ["environments_folder", "examples", "home", "seed"]


def follow(page: str, home: Home, folder: Path) -> None:
    """Run every block of a tutorial in order. What a text block shows has to stand in what the one before printed."""
    tools = folder.parent / "bin"
    tools.mkdir()
    (tools / "desirepath").write_text(f'#!/bin/sh\nexec {sys.executable} -m desirepath.cli "$@"\n')
    (tools / "desirepath").chmod(0o755)
    env = {**home.env, "PYTHONPATH": str(CHECKOUT), "PATH": f"{tools}:{home.env['PATH']}"}
    printed = ""
    for code in blocks(CHECKOUT / "docs" / page):
        if code.language == "sh":
            printed = run_shell(code, folder, env, folder.parent / "kept")
        elif code.language == "python":
            done = subprocess.run(
                [sys.executable, "-c", code.text], cwd=folder, env=env, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, done.stderr
        else:
            assert code.language == "text", f"line {code.line}: a tutorial has sh, python and text"
            compare(code, printed)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "work"
    made.mkdir()
    return made


def test_from_a_model_file_to_an_endpoint(home: Home, examples: Path, folder: Path) -> None:
    for name, as_ in (("shallow.pkl", "model.pkl"), ("forest.pkl", "better.pkl"), ("holdout.csv", "holdout.csv")):
        shutil.copy(examples / name, folder / as_)
    home.up()
    home.sign_in("alice")
    follow("tutorial-ml-engineer.md", home, folder)
    live = {row["name"]: row["live"] for row in home.client("alice").ls()}
    assert live == {"churn": 1, "churn-notebook": 1}  # churn went back from 2, was removed and restored


def test_from_a_folder_to_a_service(home: Home, folder: Path) -> None:
    home.up()
    home.sign_in("tom")
    follow("tutorial-app-developer.md", home, folder)
    (live,) = home.client("tom").ls()
    assert (live["name"], live["live"]) == ("hello", 2)  # it went back from 3, was removed and restored
