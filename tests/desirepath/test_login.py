"""`desirepath login`: the browser signs in and hands the terminal a token over a loopback address."""

from __future__ import annotations

import json
import re
import stat
import subprocess
import sys
from urllib.parse import parse_qs, urlparse

import httpx
import pytest

from desirepath import login
from tests.homes import CHECKOUT, Home
from tests.waiting import until


@pytest.fixture
def terminal(standing: Home, tmp_path):
    """`desirepath login --no-browser` in a terminal of its own, and the address it shows."""
    config = tmp_path / "server.json"
    log = tmp_path / "said"
    with log.open("w") as said:
        process = subprocess.Popen(
            [sys.executable, "-u", "-m", "desirepath.cli", "login", "--server", standing.url, "--no-browser"],
            cwd=tmp_path, stdout=said, stderr=said, stdin=subprocess.DEVNULL,
            env={**standing.env, "PYTHONPATH": str(CHECKOUT), "DESIREPATH_CONFIG": str(config)},
        )  # fmt: skip
    try:
        address = until(lambda: re.search(r"http://\S+", log.read_text())).group()
        yield process, address, config
    finally:
        process.kill()
        process.wait()


def field(page: str, name: str) -> str:
    found = re.search(rf'name="{name}"[^>]*value="([^"]*)"', page)
    assert found, name
    return found.group(1)


def signed_in(home: Home, client: httpx.Client) -> None:
    page = client.get(f"{home.url}/accounts/login/").text
    sent = {"csrfmiddlewaretoken": field(page, "csrfmiddlewaretoken"), "login": "alice", "password": "walk the grass"}
    answer = client.post(f"{home.url}/accounts/login/", data=sent, headers={"Referer": home.url})
    assert answer.status_code == 302, answer.text


def test_the_page_shows_the_code_and_its_form_leads_to_the_terminal(standing, terminal):
    process, address, config = terminal
    with httpx.Client(timeout=20) as client:
        assert "/accounts/login/" in client.get(address).headers["location"]
        signed_in(standing, client)
        page = client.get(address)
        code = parse_qs(urlparse(address).query)["code"][0]
        assert code in page.text
        policy = dict(part.strip().split(" ", 1) for part in page.headers["content-security-policy"].split(";"))
        assert "http://127.0.0.1:*" in policy["form-action"].split()  # else a browser stops at the redirect
        sent = {name: field(page.text, name) for name in ("csrfmiddlewaretoken", "code", "port")}
        answer = client.post(address, data=sent, headers={"Referer": standing.url})
        assert answer.status_code == 302
        callback = urlparse(answer.headers["location"])
        assert (callback.hostname, str(callback.port)) == ("127.0.0.1", sent["port"])
        assert client.get(answer.headers["location"]).status_code == 200
    assert process.wait(240) == 0
    kept = json.loads(config.read_text())
    assert kept["url"] == standing.url
    assert stat.S_IMODE(config.stat().st_mode) == 0o600
    mine = httpx.get(f"{standing.url}/api/runs/", headers={"Authorization": f"Token {kept['token']}"})
    assert mine.status_code == 200


def test_somebody_elses_code_is_refused_and_the_terminal_waits_on(terminal):
    process, address, config = terminal
    port = parse_qs(urlparse(address).query)["port"][0]
    assert httpx.get(f"http://127.0.0.1:{port}/?code=guessed&token=theirs").status_code == 400
    assert process.poll() is None
    assert not config.exists()


def test_when_nobody_confirms_it_says_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setenv("DESIREPATH_CONFIG", str(tmp_path / "server.json"))
    with pytest.raises(login.LoginRefused, match=r"Nobody confirmed in the browser\. Run `desirepath login` again"):
        login.login("http://127.0.0.1:9", tell=lambda text: None, within=0.05, browser=False)
