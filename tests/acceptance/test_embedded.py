"""The embedded default: what dies is started again, one home is run once, and a reboot changes no address."""

from __future__ import annotations

import signal
import threading
import time
from functools import partial

import psutil
import pytest

from tests.homes import (
    LABEL,
    Home,
    answers,
    environments_folder,
    examples,
    home,
    live,
    row_of,
    seed,
)
from tests.pace import slowness
from tests.processes import kill
from tests.waiting import until

pytestmark = [pytest.mark.kill, pytest.mark.model]
__all__ = ["environments_folder", "examples", "home", "seed"]


def another(home: Home, name: str, before: psutil.Process) -> bool:
    now = home.part(name)
    return now is not None and now.pid != before.pid


def test_what_is_killed_is_started_again_and_stop_ends_it_while_it_runs(home):
    home.up()
    for name in ("web", "engine"):
        before = until(partial(home.part, name))
        before.kill()
        until(partial(another, home, name, before), what=f"for another {name}")
    until(home.answers)
    assert home.process
    done = home.manage("stop")
    assert "Ended: web and engine" in done.stdout
    assert home.process.wait(240) == 0
    home.process = None
    assert home.processes() == []


def test_a_web_that_is_killed_while_it_starts_is_started_again(home):
    killed: list[int] = []

    def kill_the_first() -> None:
        web = until(partial(home.part, "web"))
        web.kill()
        killed.append(web.pid)

    killer = threading.Thread(target=kill_the_first)
    killer.start()
    home.up()
    killer.join()
    assert home.part("web").pid != killed[0]


def test_after_a_reboot_the_endpoint_answers_on_the_same_address(home, examples):
    """Everything of this home is killed at once, as a power failure would; `up` brings all of it back."""
    address = live(home, examples / "linear.pkl")["address"]
    row = row_of(examples / "holdout.csv")
    assert answers(address, row)
    kill(home.processes())
    home.kill()
    until(lambda: not home.processes())
    assert not answers(address, row)
    home.up()
    until(lambda: answers(address, row), what="for the endpoint")
    assert home.client().deployment("progression")["address"] == address


def test_what_it_serves_goes_on_after_up_has_ended_and_stop_ends_that_too(home, examples):
    address = live(home, examples / "linear.pkl")["address"]
    row = row_of(examples / "holdout.csv")
    home.kill(signal.SIGTERM)
    assert home.part("web") is None
    assert home.part("engine") is None
    assert answers(address, row)
    done = home.manage("stop")
    assert done.returncode == 0
    assert "Ended:" in done.stdout
    assert not answers(address, row)
    assert home.processes() == []


def test_from_a_file_to_an_answer_without_an_environment_and_again_with_one(seed, examples, capsys):
    """Cold: a new home that has to build the environment, from the packages uv has cached."""
    cold = Home(seed)
    try:
        cold.up()
        cold.sign_in()
        took = []
        for model, name in (("linear.pkl", "first"), ("forest.pkl", "second")):
            began = time.monotonic()
            done = cold.cli(
                "serve", examples / model, "--data", examples / "holdout.csv", "--label", LABEL, "--name", name
            )
            assert done.returncode == 0, done.stdout + done.stderr
            took.append(time.monotonic() - began)
        with capsys.disabled():
            print(f"\nserve: cold {took[0]:.1f} s, warm {took[1]:.1f} s (goals 60 and 10)")
        slow = slowness()
        assert took[0] < 225 * slow
        assert took[1] < 75 * slow
    finally:
        cold.end()
