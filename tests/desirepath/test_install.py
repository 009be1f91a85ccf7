"""`pip install .` gives the terminal's verbs and the SDK, and none of the server."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

from engine.targets.local.machine import uv
from tests.homes import CHECKOUT

pytestmark = pytest.mark.model
AT_MOST = 20  # packages, ours included


@pytest.fixture(scope="module")
def clean(tmp_path_factory):
    """A Python with nothing but what `pip install .` brings; built from a copy, so the checkout stays as it is."""
    folder = tmp_path_factory.mktemp("clean")
    source = folder / "source"
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        if (CHECKOUT / name).exists():
            shutil.copy(CHECKOUT / name, source / name)
    shutil.copytree(CHECKOUT / "desirepath", source / "desirepath", ignore=shutil.ignore_patterns("__pycache__"))
    env = {**os.environ, "UV_NO_CONFIG": "1"}
    python = folder / "venv" / "bin" / "python"
    subprocess.run([uv(), "venv", "-q", "--python", sys.executable, folder / "venv"], check=True, env=env)
    done = subprocess.run(
        [uv(), "pip", "install", "-q", "--python", python, str(source)],
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return python


def run(python, code: str) -> str:
    done = subprocess.run(
        [python, "-I", "-c", code], capture_output=True, text=True, check=False, cwd=python.parent, env={"HOME": "/"}
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_sdk_needs_no_django_and_a_handful_of_packages(clean):
    said = run(
        clean, "from importlib.metadata import distributions as d\nprint(*sorted({x.name.lower() for x in d()}))"
    )
    packages = set(said.split())
    assert "django" not in packages
    assert {"desirepath", "httpx", "rich", "typer"} <= packages
    assert len(packages) <= AT_MOST, packages
    assert run(clean, "from desirepath.client import Desirepath; print(Desirepath.__doc__)").startswith("A signed-in")


def test_without_a_server_it_says_where_one_is_found(clean, tmp_path):
    code = (
        "from desirepath.client import Desirepath\nfrom desirepath.connection import NoServer\n"
        "import os; os.environ['DESIREPATH_CONFIG'] = '/nonexistent'\n"
        "try: Desirepath()\nexcept NoServer as error: print(error)"
    )
    assert "No Desirepath server is known here" in run(clean, code)


def test_the_program_is_there(clean):
    done = subprocess.run([clean.parent / "desirepath", "--help"], capture_output=True, text=True, check=True)
    assert "serve" in done.stdout
