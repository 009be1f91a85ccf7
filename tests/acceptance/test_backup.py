"""A backup of a real home while runs are in flight, brought back elsewhere: the endpoint answers, runs go on."""

from __future__ import annotations

import json
import shutil
import signal

import httpx
import pytest

from tests.homes import Home, answers, environments_folder, examples, home, live, row_of, seed
from tests.scaled import asked
from tests.waiting import until

pytestmark = [pytest.mark.kill, pytest.mark.model]
__all__ = ["asked", "environments_folder", "examples", "home", "seed"]

CHECKS = """
desirepath: 1
template: checks
persona: ml-engineer
flow:
  - {{id: slow, uses: http.check, with: {{url: "{url}/hold", within: 60}}}}
  - {{id: last, uses: http.check, with: {{url: "{url}/last"}}}}
"""


def test_a_backup_during_runs_comes_back_elsewhere_and_everything_goes_on(home, examples, environments_folder, asked):
    deployment = live(home, examples / "linear.pkl")
    client, row = home.client(), row_of(examples / "holdout.csv")
    model = client.upload(examples / "forest.pkl")
    asks = client.start({"model": model, "ask": "yes"}, template="quick", name="progression")["id"]
    until(lambda: [s for s in client.run(asks)["steps"] if s["asking"]])
    client.keep_template(CHECKS.format(url=asked.url))
    running = client.start({}, template="checks")["id"]
    until(lambda: asked.count["/hold"] >= 1)

    file = home.folder.parent / f"{home.folder.name}.tar"
    said = home.manage("backup", str(file))
    assert said.returncode == 0, said.stderr
    assert "The database as of now" in said.stdout
    refused = home.manage("recover", str(file))
    assert "Desirepath runs from" in refused.stderr
    home.kill(signal.SIGTERM)
    assert home.manage("stop").returncode == 0
    assert not answers(deployment["address"], row)

    back = Home()
    try:
        shutil.rmtree(back.folder)
        done = back.manage("recover", str(file))
        assert done.returncode == 0, done.stderr
        assert "1 services to build again" in done.stdout or "2 services to build again" in done.stdout
        (back.folder / "environments").symlink_to(environments_folder)
        back.tokens = home.tokens
        back.up()
        until(lambda: httpx.get(f"{back.url}/health/ready").status_code == 200)
        until(lambda: answers(deployment["address"], row), what="for the endpoint, at the address it had")
        client = back.client()
        until(lambda: asked.count["/hold"] >= 2, what="for the step that was at work to be taken up")
        asked.let_go.set()
        until(lambda: client.run(running)["state"] == "succeeded")
        client.approve(asks, "owner")
        until(lambda: client.run(asks)["state"] == "succeeded", what=json.dumps(client.run(asks)))
        assert client.deployment("progression")["traffic"] == {"1": 0, "2": 100}
        assert asked.count["/last"] == 1
    finally:
        back.end()
        file.unlink(missing_ok=True)
