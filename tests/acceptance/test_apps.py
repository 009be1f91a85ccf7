"""Apps, as their developers meet them: pushed from a folder, live, configured, scaled, rolled back; and all that goes
wrong. A real server, real processes; the apps need nothing but Python, so that each push takes a second."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.apps import WORKER, Visitors, write_app
from tests.homes import Home, environments_folder, seed
from tests.pace import slowness
from tests.waiting import until

__all__ = ["environments_folder", "seed"]


@pytest.fixture(scope="module")
def home(seed: Path, environments_folder: Path) -> Iterator[Home]:
    made = Home(seed, environments_folder)
    try:
        made.up()
        made.sign_in("tom")
        yield made
    finally:
        made.end()


class Shop:
    """An app of Tom's under a name of its own, and what he types."""

    def __init__(self, home: Home, folder: Path, name: str) -> None:
        self.home, self.folder, self.name = home, folder, name

    def push(self, *options: str, code: int = 0, **files: Any) -> str:
        write_app(self.folder, **files)
        done = self.home.cli("push", self.folder, "--name", self.name, *options)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def run(self, verb: str, *words: str, code: int = 0) -> str:
        verbs = verb.split()
        done = self.home.cli(*verbs, self.name, *words)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    @property
    def address(self) -> str:
        return str(self.home.client("tom").deployment(self.name)["address"])

    def get(self, path: str = "/") -> str:
        return httpx.get(f"{self.address}{path}").text

    def settled(self) -> None:
        """Until no run is changing it."""
        client = self.home.client("tom")
        until(lambda: client.deployment(self.name)["run"] is None)


@pytest.fixture
def shop(home: Home, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Shop]:
    name = f"shop-{zlib.crc32(request.node.name.encode()):x}"
    made = Shop(home, tmp_path / "shop", name)
    yield made
    client = home.client("tom")
    if client.ls(name=name):
        made.settled()
        client.remove(name)


# --- what works ------------------------------------------------------------------------------------------------------


def test_a_folder_is_pushed_and_live_and_the_last_line_says_how_far_it_is(shop):
    said = shop.push("--until", "done", app_json={"environments": {"test": {"scripts": {"test": "python -c 1"}}}})
    assert re.search(r"answering · \d of 4 done", said)
    assert shop.get() == "release 1 one"
    assert re.findall(r"^[●–] (\w+)", said, re.M) == ["environment", "test", "release", "look", "rehearse"]
    assert f"curl -s {shop.address}/" in said


def test_an_app_named_in_another_script_answers(shop):
    shop.name = "商店"
    said = shop.push("--until", "done")
    assert "商店" in said
    assert shop.get() == "release 1 one"
    assert "listening" in shop.run("logs")
    assert "商店" in shop.home.cli("ls").stdout
    client = shop.home.client("tom")
    shop.settled()
    client.remove(shop.name)
    assert client.ls(name=shop.name) == []


def test_a_second_release_takes_over_and_going_back_and_on_takes_seconds(shop):
    shop.push("--until", "done")
    said = shop.push("--until", "done", says="two")
    assert "release 1 answered" in said  # rehearsed
    assert shop.get() == "release 2 two"
    began = time.monotonic()
    assert "1 answers again" in shop.run("rollback")
    assert time.monotonic() - began < 30 * slowness()
    assert shop.get() == "release 1 one"


def test_not_a_request_is_dropped_while_releases_come_and_go(shop):
    shop.push("--until", "done")
    with Visitors(shop.address) as visitors:
        for says in ("two", "three"):
            shop.push("--until", "done", says=says)
            shop.run("rollback")
    assert visitors.answered > 100
    assert visitors.dropped == []


def test_settings_are_set_before_the_first_push_and_reach_no_screen(shop):
    needed = {"env": {"BANK_KEY": {"description": "of the bank"}, "SECRET_KEY": {"generator": "secret"}}}
    said = shop.push(code=1, app_json=needed)
    assert "The app needs BANK_KEY" in said
    assert f"desirepath config set {shop.name} BANK_KEY=" in said
    assert "has BANK_KEY" in shop.run("config set", "BANK_KEY=hush-of-the-bank")
    shop.push("--until", "done", app_json=needed)
    assert "release" in shop.get("/secret")
    secret = shop.run(
        "exec", "--", "python", "-c", "import os; print(os.environ['BANK_KEY'], os.environ['SECRET_KEY'])"
    )
    assert set(secret.split()[0]) == {"*"}
    assert set(secret.split()[1]) == {"*"}
    until(lambda: "the key is ****" in shop.run("logs"))
    listed = shop.run("config list")
    assert "BANK_KEY" in listed
    assert "hush" not in listed
    audit = str(shop.home.client("tom")._ask("GET", "audit/"))
    assert "hush-of-the-bank" not in audit


def test_a_changed_setting_is_released_at_once_and_a_bad_one_leaves_what_answers(shop):
    web = "import os\nassert os.environ.get('MODE') != 'bad'\n" + write_app(shop.folder).joinpath("web.py").read_text()
    shop.push("--until", "done", web=web)
    shop.run("config set", "MODE=good")
    assert shop.get().startswith("release 2")
    said = shop.run("config set", "MODE=bad", code=1)
    assert "web.1 did not start" in said
    assert "AssertionError" in said
    assert shop.get().startswith("release 2")
    assert "no setting OTHER; it has MODE" in shop.run("config unset", "OTHER", code=1)


def test_processes_are_scaled_and_each_line_of_the_log_says_which_it_is_from(shop):
    shop.push("--until", "done", procfile="web: exec python web.py\nworker: exec python worker.py\n", worker=WORKER)
    said = shop.run("scale", "web=2", "worker=0")
    assert re.findall(r"(\w+\.\d)\s+ready", said) == ["web.1", "web.2"]
    assert shop.run("scale", "worker=1").count("ready") == 3
    until(lambda: "worker.1 | tick 1" in shop.run("logs"))
    assert "has no process clock; it has web, worker" in shop.run("scale", "clock=1", code=1)
    assert "web cannot be 0" in shop.run("scale", "web=0", code=1)
    assert "is not a count" in shop.run("scale", "web", code=1)


def test_a_command_runs_in_the_live_release_and_ends_as_it_ends(shop):
    shop.push("--until", "done")
    assert shop.run("exec", "--", "cat", "says.txt") == "one"
    shop.run("exec", "--", "sh", "-c", "exit 7", code=7)
    assert "no-such-program" in shop.run("exec", "--", "no-such-program", code=127)


def test_logs_are_followed_as_they_are_written(shop):
    shop.push("--until", "done", web=write_app(shop.folder).joinpath("web.py").read_text())
    with subprocess.Popen(
        [sys.executable, "-m", "desirepath.cli", "logs", shop.name, "--follow"], stdout=subprocess.PIPE, text=True,
        cwd=shop.home.folder, env={**shop.home.env, "PYTHONPATH": str(Path(__file__).parents[2])},
    ) as following:  # fmt: skip
        assert following.stdout is not None
        assert following.stdout.readline() == "listening\n"
        shop.get("/secret")
        assert following.stdout.readline() == "the key is \n"
        following.terminate()


def test_a_removed_app_is_restored_with_its_workers(shop):
    shop.push("--until", "done", procfile="web: exec python web.py\nworker: exec python worker.py\n", worker=WORKER)
    shop.run("remove")
    shop.run("restore")
    assert shop.get() == "release 1 one"
    until(lambda: "starting" not in shop.run("scale"))


def test_what_was_done_and_answers_no_more_has_regressed_and_says_since_when_and_why(shop, home):
    yaml = """
desirepath: 1
template: soon-done
persona: app-developer
title: Done when it answers
inputs: {app: {type: folder}}
flow:
  - {id: release, title: Release it, uses: service.release, with: {app: "${{ inputs.app }}"}}
done:
  - {id: answers, title: It answers, uses: service.check}
"""
    client = home.client("tom")
    client.keep_template(yaml)
    shop.push("--template", "soon-done", "--until", "done")
    until(lambda: client.deployment(shop.name)["state"] == "done")
    shop.run("exec", "--", "rm", "says.txt")  # every answer needs it
    home.python(f"""
        from engine.actions import judge
        from engine.models import Deployment
        judge.judge(Deployment.objects.get(name={shop.name!r}))
    """)  # as the engine does within the minute
    said = shop.run("status")
    assert "regressed" in said
    assert "It answers" in said
    shop.push("--template", "soon-done", "--until", "done", says="again")
    until(lambda: client.deployment(shop.name)["state"] == "done")


# --- what goes wrong -------------------------------------------------------------------------------------------------


def test_no_procfile_is_said_before_anything_is_sent(shop):
    said = shop.push(code=1, procfile=None)
    assert "There is no Procfile in" in said
    assert "web: gunicorn app:app" in said


def test_a_python_that_is_not_installed_is_named_with_those_that_are(shop):
    said = shop.push(code=1, python_version="3.7")
    assert "pins Python 3.7" in said
    assert "Found here: " in said
    assert shop.push("--python", "3.11", python_version="3.7")


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("echo FAILED 1 of 3; exit 1", "FAILED 1 of 3"),
        ("python -c \"import os; os.environ['BANK_KEY']\"", "KeyError: 'BANK_KEY'"),
    ],
)
def test_tests_that_fail_end_it_with_what_they_said_and_nothing_is_started(shop, script, said):
    found = shop.push(code=1, app_json={"environments": {"test": {"scripts": {"test": script}}}})
    assert said in found
    assert shop.home.client("tom").deployment(shop.name)["releases"] == []


def test_tests_that_hang_are_stopped(shop, home):
    yaml = """
desirepath: 1
template: impatient
persona: app-developer
title: Tests that may take a second
inputs: {app: {type: folder}}
flow:
  - {id: test, title: Test, uses: app.test, with: {app: "${{ inputs.app }}", at_most: 1}}
"""
    home.client("tom").keep_template(yaml)
    hanging = {"environments": {"test": {"scripts": {"test": "sleep 600"}}}}
    said = shop.push("--template", "impatient", code=1, app_json=hanging)
    assert "It ran longer than the 1 seconds it was given" in said


def test_a_release_command_that_fails_halfway_leaves_the_release_before_answering(shop):
    shop.push("--until", "done")
    half = "web: exec python web.py\nrelease: echo half of it is done; exit 1\n"
    said = shop.push(code=1, procfile=half, says="two")
    assert "The release command failed" in said
    assert "half of it is done" in said
    assert "What it had done by then stays done" in said
    assert shop.get() == "release 1 one"


@pytest.mark.parametrize(
    ("web", "said"),
    [
        ("raise SystemExit('no database')", "no database"),
        ("import os, socket; socket.create_server(('127.0.0.1', int(os.environ['TAKEN'])))", "Address already in use"),
    ],
)
def test_a_process_that_cannot_start_says_why_and_gets_no_request(shop, web, said):
    shop.push("--until", "done")
    port = shop.address.rpartition(":")[2]
    found = shop.push(code=1, web=web.replace("os.environ['TAKEN']", f"'{port}'"))
    assert said in found
    assert "web.1 did not start" in found
    assert shop.get() == "release 1 one"


def test_a_process_that_listens_elsewhere_is_told_where_it_has_to(shop, home):
    yaml = """
desirepath: 1
template: hasty
persona: app-developer
title: Ten seconds to answer
inputs: {app: {type: folder}}
flow:
  - {id: release, title: Release it, uses: service.release, with: {app: "${{ inputs.app }}", boot: 10}}
"""
    home.client("tom").keep_template(yaml)
    web = "import socket, time; s = socket.create_server(('127.0.0.1', 0)); time.sleep(600)"
    said = shop.push("--template", "hasty", code=1, web=web)
    assert re.search(r"It listens on \d+ and not on \d+, the port it was given as \$PORT", said)
    assert "in the Procfile, for instance gunicorn app:app --bind 0.0.0.0:$PORT" in said


def test_an_app_that_dies_later_is_started_again_and_its_status_says_so(shop):
    shop.push("--until", "done")
    with pytest.raises(httpx.HTTPError):
        httpx.get(f"{shop.address}/die").raise_for_status()
    until(lambda: "started 2 times" in shop.run("scale"))
    until(lambda: httpx.get(shop.address).status_code == 200)


def test_a_link_out_of_the_folder_and_a_folder_that_is_too_large_are_refused(shop):
    write_app(shop.folder)
    (shop.folder / "secrets").symlink_to("/etc")
    assert "secrets is a link that leads out of the folder" in shop.push(code=1)
    (shop.folder / "secrets").unlink()
    with (shop.folder / "data.bin").open("wb") as file:
        file.truncate(2 << 30)
    said = shop.push(code=1)
    assert "The folder has 2048 MB; at most 500 MB" in said
    assert "data.bin (2048 MB)" in said


def test_two_pushes_of_one_name_at_once_are_one_and_a_refusal(shop):
    write_app(shop.folder, app_json={"environments": {"test": {"scripts": {"test": "sleep 3"}}}})
    said: list[subprocess.CompletedProcess[str]] = []
    pushes = [
        threading.Thread(target=lambda: said.append(shop.home.cli("push", shop.folder, "--name", shop.name)))
        for _ in range(2)
    ]
    for push in pushes:
        push.start()
    for push in pushes:
        push.join()
    assert sorted(done.returncode for done in said) == [0, 1]
    (refused,) = [done for done in said if done.returncode]
    assert re.search(r"run \d+ is (changing|at work)", refused.stderr), refused.stderr
