"""Environments: built once, found in milliseconds, and clear about what is missing."""

import os
import subprocess
import sys
import threading

import pytest

from engine.targets.base import Environment, TargetError
from engine.targets.local import environments, machine
from engine.targets.local.environments import Environments
from engine.targets.local.machine import installed

MINE = f"{sys.version_info.major}.{sys.version_info.minor}"


@pytest.fixture
def root(tmp_path):
    return Environments(tmp_path / "environments")


def test_the_pythons_of_this_machine_are_found_and_work():
    found = installed()
    assert MINE in found
    for minor, program in found.items():
        said = subprocess.run([program, "-V"], capture_output=True, text=True, check=True).stdout
        assert said.startswith(f"Python {minor}.")


def test_an_empty_environment_is_built_and_then_found_at_once(root, monkeypatch):
    said: list[str] = []
    python = root.prepare(Environment(MINE, ()), said.append)
    assert subprocess.run([python, "-c", "import sys; print(sys.prefix)"], capture_output=True, check=True)
    assert said
    before = len(said)
    monkeypatch.setattr(environments, "_run", pytest.fail)  # nothing is resolved or installed again
    assert root.prepare(Environment(MINE, ()), said.append) == python
    assert len(said) == before


def test_a_missing_python_is_named_with_those_that_are_there(root):
    with pytest.raises(TargetError, match=rf"Python 3.99 is not installed. Found here: .*{MINE}.*Install Python 3.99"):
        root.prepare(Environment("3.99", ()), lambda _: None)
    assert not list(root.root.glob("3.99*"))


def test_a_half_built_environment_is_never_found(root, monkeypatch):
    def crash(*_):
        raise TargetError("the power failed")

    monkeypatch.setattr(environments, "_run", crash)
    with pytest.raises(TargetError, match="power"):
        root.prepare(Environment(MINE, ()), lambda _: None)
    assert root.find(Environment(MINE, ())) is None
    assert [path for path in root.root.iterdir() if not path.name.startswith(".lock")] == []


def test_several_at_once_build_one(root):
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(root.prepare(Environment(MINE, ()), lambda _: None)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 1
    assert len([path for path in root.root.iterdir() if path.name.startswith(MINE)]) == 1


def test_our_secrets_are_not_shown_to_what_builds():
    os.environ["DESIREPATH_TEST_SECRET"] = "hush"
    try:
        assert "hush" not in machine.tool_env().values()
    finally:
        del os.environ["DESIREPATH_TEST_SECRET"]


@pytest.mark.model
def test_packages_are_installed_and_optional_ones_left_out_when_they_do_not_fit(root):
    said: list[str] = []
    asked = Environment(MINE, ("six==1.16.0",), ("six==1.15.0",))
    python = root.prepare(asked, said.append)
    version = subprocess.run([python, "-c", "import six; print(six.__version__)"], capture_output=True, text=True)
    assert version.stdout == "1.16.0\n"
    assert any("without six==1.15.0" in line for line in said)
    assert root.find(asked) == python


@pytest.mark.model
def test_packages_that_cannot_be_had_together_are_named(root):
    with pytest.raises(TargetError, match=r"six==1.16.0, six==1.15.0.*"):
        root.prepare(Environment(MINE, ("six==1.16.0", "six==1.15.0")), lambda _: None)


BUILD = """error: Failed to download and build `greenlet==0.4.13`
  cause: The build backend returned an error
         Traceback (most recent call last):
         ImportError: cannot import name 'Feature' from 'setuptools'
         error: Command '['gcc', '-c']' returned non-zero exit status 1.
hint: Build failures usually indicate a problem with the package or the build environment
"""
FETCH = """error: Failed to download and build `money @ https://code.example/money.zip`
  cause: Failed to fetch: https://code.example/money.zip
  cause: Name or service not known
"""


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (
            BUILD,
            r"^greenlet==0.4.13 cannot be built.+said: ImportError: cannot import.+Ask for a newer version of it, or",
        ),
        (FETCH, r"^money @ https://code.example/money.zip cannot be fetched: Name or service not known\.$"),
    ],
)
def test_a_package_that_cannot_be_built_or_fetched_is_named_and_no_other(root, monkeypatch, said, told):
    done = subprocess.CompletedProcess([], 1, "", said)
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: done)
    with pytest.raises(TargetError, match=told):
        root._compile(("greenlet==0.4.13", "money @ https://code.example/money.zip", "six"), sys.executable)


def test_the_places_an_app_takes_packages_from_are_kept_with_the_exact_ones(root, monkeypatch):
    done = subprocess.CompletedProcess([], 0, "six==1.16.0\n", "")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: done)
    place = "--extra-index-url https://wheels.example/cpu"
    assert root._compile((place, "six"), sys.executable) == f"{place}\nsix==1.16.0\n"
