"""Every verb of the terminal, against a real server: what it says, what `--json` prints, how it exits."""

from __future__ import annotations

import json
import time
from pathlib import Path

import httpx
import pytest
import typer.main

from desirepath import __version__, cli
from tests.homes import LABEL, answers, row_of
from tests.pace import slowness
from tests.waiting import until

pytestmark = pytest.mark.model

NAME = "churn"


@pytest.fixture(scope="module")
def served(standing, examples):
    """`desirepath serve linear.pkl`, as somebody types it."""
    began = time.monotonic()
    done = standing.cli(
        "serve", examples / "linear.pkl", "--data", examples / "holdout.csv", "--label", LABEL, "--name", NAME
    )
    assert done.returncode == 0, done.stdout + done.stderr
    until(lambda: standing.client().runs()[0]["state"] == "succeeded")
    return done.stdout, time.monotonic() - began


@pytest.fixture
def say(standing, served):
    """What a verb prints; it must succeed and say nothing on stderr."""

    def run(*arguments, code=0):
        done = standing.cli(*arguments)
        assert done.returncode == code, done.stdout + done.stderr
        assert done.stderr == ""
        return done.stdout

    return run


@pytest.fixture
def told(say):
    """What `--json` prints, read."""
    return lambda *arguments, code=0: json.loads(say(*arguments, "--json", code=code))


@pytest.fixture
def refused(standing, served):
    """The one sentence on stderr; nothing on stdout."""

    def run(*arguments, **env):
        done = standing.cli(*arguments, **env)
        assert done.returncode == 1, done.stdout + done.stderr
        assert done.stdout == ""
        assert done.stderr.startswith("× ")
        assert len(done.stderr.splitlines()) == 1
        return done.stderr[2:].strip()

    return run


def test_serve_tells_what_it_does_and_ends_with_how_far_it_is_from_done(served, standing, capsys):
    said, seconds = served
    lines = said.strip().splitlines()
    assert lines[-1].startswith("answering · ")
    assert "of 4 done" in lines[-1]
    assert any(line.startswith(f"{NAME} 1 at http://127.0.0.1:") for line in lines)
    assert any("curl -s http://127.0.0.1:" in line for line in lines)
    with capsys.disabled():
        print(f"\nserve linear.pkl, its environment standing, first time: {seconds:.1f} s")


def test_serving_another_beside_it_is_a_preview_that_waits_for_its_owner(standing, examples, say, told, capsys):
    began = time.monotonic()
    found = told("serve", examples / "forest.pkl", "--name", NAME)
    seconds = time.monotonic() - began
    assert (found["release"], found["deployment"]["traffic"]) == (2, {"1": 100, "2": 0})
    run = found["run"]["id"]
    assert seconds < 90 * slowness()  # ten on a machine that has nothing else to do
    with capsys.disabled():
        print(f"\nserve forest.pkl, warm: {seconds:.1f} s")
    until(lambda: told("run", "status", str(run))["steps"][-1]["asking"] or None)
    assert f"run {run} is changing it" in say("status", NAME)
    assert told("run", "approve", str(run), "owner", "--comment", "yes")["leaf"] == "owner"
    say("run", "cancel", str(run))
    until(lambda: told("run", "status", str(run))["state"] == "cancelled")
    assert told("status", NAME)["traffic"] == {"1": 100}


def test_what_is_live_and_how_far(say, told, standing):
    row = next(row for row in told("ls") if row["name"] == NAME)
    assert (row["name"], row["live"], row["traffic"]) == (NAME, 1, {"1": 100})
    assert NAME in say("ls")
    whole = told("status", NAME)
    assert {criterion["criterion"] for criterion in whole["criteria"]} >= {"answers", "drift"}
    assert "Serving predictions" in say("status", NAME)
    assert told("open", NAME)["url"] == f"{standing.url}{whole['url']}"
    assert set(told("logs", NAME)) == {"text", "offset"}
    say("logs", NAME)


def test_a_criterion_is_confirmed(told, say):
    assert told("confirm", NAME, "drift", "--comment", "I look")["state"] == "met"
    assert "confirmed by hand by Alice: I look" in say("status", NAME)


def test_templates_are_shown_checked_kept_and_published(say, told, tmp_path):
    assert {row["name"] for row in told("template", "show")} >= {"serve-model", "quick"}
    file = tmp_path / "mine.yaml"
    file.write_text(say("template", "show", "quick").replace("template: quick", "template: mine"))
    assert told("template", "check", file)["ok"]
    assert "can be run" in say("template", "check", file)
    assert told("template", "publish", file)["number"] == 1
    assert told("template", "show", "mine")["document"]["template"] == "mine"
    file.write_text(file.read_text() + "colour: red\n")
    found = told("template", "check", file, code=1)
    assert found["problems"][0]["line"] > 1
    say("template", "publish", "serve-model")  # what `serve` takes is the one published last


def test_a_run_is_planned_started_looked_at_and_ended(standing, examples, say, told):
    model = examples / "linear.pkl"
    plan = told("run", "start", "quick", f"model=@{model}", "--name", "second", "--dry-run")
    assert [line["verb"] for line in plan][-2:] == ["ask", "change"]
    assert "second" not in [row["name"] for row in told("ls")]
    run = str(told("run", "start", "quick", f"model=@{model}", "ask=yes", "--name", "second")["id"])
    until(lambda: [s for s in told("run", "status", run)["steps"] if s["asking"]])
    assert "Ask the owner" in say("run", "status", run)
    assert run in [str(row["id"]) for row in told("run", "list")]
    assert run in say("run", "list")
    assert set(told("run", "logs", run, "preview")) == {"text", "offset"}
    assert "refused" in say("run", "approve", run, "owner", "--refuse", "--comment", "not yet")
    until(lambda: told("run", "status", run)["state"] == "failed")
    assert "Alice refused: not yet" in say("run", "status", run)
    assert '<string key="concept:name" value="Ask the owner"' in say("run", "export", run, "--as", "xes")
    assert "goes on" in say("run", "resume", run, "--yes")
    until(lambda: [s for s in told("run", "status", run)["steps"] if s["asking"]])
    assert told("run", "cancel", run)["state"] == "cancelling"
    until(lambda: told("run", "status", run)["state"] == "cancelled")


def test_a_step_done_by_hand_is_confirmed(standing, told, say, tmp_path):
    file = tmp_path / "hand.yaml"
    file.write_text(
        "desirepath: 1\ntemplate: hand\npersona: ml-engineer\nflow:\n"
        "  - {id: count, title: Count, uses: manual, outputs: {rows: integer}}\n"
    )
    told("template", "publish", file)
    say("template", "publish", "serve-model")
    run = str(told("run", "start", "hand")["id"])
    until(lambda: [s for s in told("run", "status", run)["steps"] if s["asking"]])
    assert told("run", "confirm", run, "count", "rows=3")["leaf"] == "count"
    until(lambda: told("run", "status", run)["state"] == "succeeded")
    assert told("run", "status", run)["steps"][0]["outputs"] == {"rows": 3}


PAID = """
desirepath: 1
template: paid
persona: ml-engineer
inputs: {amount: {type: integer}, rush: {type: text, optional: true}}
flow:
  - first:
      - {event: paid, flow: [{id: ship, uses: command.run, with: {command: "test ${{ inputs.amount }} -gt 5"}}]}
      - {after: 86400, flow: []}
"""


def test_a_run_is_paused_told_resumed_with_a_correction_and_compared(standing, told, say, tmp_path):
    file = tmp_path / "paid.yaml"
    file.write_text(PAID)
    told("template", "publish", file)
    say("template", "publish", "serve-model")

    def started() -> str:
        run = str(told("run", "start", "paid", "amount=3")["id"])
        until(lambda: [s for s in told("run", "status", run)["steps"] if s["asking"]])
        assert "paused" in say("run", "pause", run)
        assert told("run", "status", run)["state"] == "paused"
        assert "goes on" in say("run", "continue", run)
        assert "event paid was sent to run" in say("run", "tell", run, "paid", "by=card")
        until(lambda: told("run", "status", run)["state"] == "failed")
        return run

    first, second = started(), started()
    assert say("run", "diff", second, first) == f"runs {first} and {second} do not differ\n"
    assert "goes on" in say("run", "resume", second, "amount=7", "--yes")
    until(lambda: told("run", "status", second)["state"] == "succeeded")
    said = say("run", "diff", second, first)
    assert "amount input: 3 → 7" in said
    assert "The first step that went another way: ship" in said


def test_a_template_runs_by_the_clock(standing, told, say, refused, tmp_path):
    assert "Nothing runs by the clock" in say("schedule", "list")
    file = tmp_path / "tick.yaml"
    file.write_text("desirepath: 1\ntemplate: tick\nflow:\n  - {id: t, uses: command.run, with: {command: 'true'}}\n")
    standing.client().keep_template(file.read_text())
    assert "names no time: there is no such day" in refused("schedule", "add", "tick", "0 0 30 2 *")
    made = str(told("schedule", "add", "tick", "30 2 * * 1-5", "--zone", "Europe/Paris")["id"])
    assert "30 2 * * 1-5" in say("schedule", "list")
    assert "is paused" in say("schedule", "pause", made)
    assert "paused" in say("schedule", "list")
    assert "next at" in say("schedule", "continue", made)
    assert "is removed" in say("schedule", "remove", made)
    assert told("schedule", "list") == []


def test_how_many_steps_may_be_at_work_at_once(told, say, refused):
    assert "Nothing is limited" in say("limit", "list")
    made = told("limit", "set", "4", "--team", "retention")
    assert "team Retention: at most 4 steps at once" in say("limit", "list")
    assert f"limit {made['id']} is lifted" in say("limit", "lift", str(made["id"]))
    assert refused("limit", "set", "4") == "Say what to limit: --team NAME, --template NAME or --target NAME."


def test_a_trace_that_rests_on_nothing_says_so(told, say, refused):
    run = str(told("run", "list")[-1]["id"])
    (thread,) = told("trace", "run", run, "inspect")
    assert thread["gap"]
    assert thread["title"] in say("trace", "run", run, "inspect")
    assert "no step nothing" in refused("trace", "run", run, "nothing")
    refused("trace", "observation", "0197c2d5-0000-7000-8000-000000000000")


def test_back_removed_and_restored(standing, examples, told, say, refused):
    model = examples / "forest.pkl"
    client = standing.client()
    assert client.serve(model, name=NAME, template="quick", until="done").run["state"] == "succeeded"
    live = told("status", NAME)["live"]
    assert told("rollback", NAME)["live"] == 1 != live
    assert "no release before this one" in refused("rollback", NAME)
    address = told("status", NAME)["address"]
    assert told("remove", NAME)["state"] == "removed"
    assert not answers(address, row_of(examples / "holdout.csv"))
    assert "Nothing called churn is live" in refused("status", NAME)
    assert NAME not in [row["name"] for row in told("ls")]
    assert NAME in [row["name"] for row in told("ls", "--removed")]
    assert told("restore", NAME)["live"] == 1
    assert answers(address, row_of(examples / "holdout.csv"))


def test_what_is_refused_is_one_sentence(refused, tmp_path):
    assert refused("status", "nothing") == (
        "Nothing called nothing is live that you may see. `desirepath ls` lists what is."
    )
    assert "nowhere.pkl cannot be read: No such file" in refused("serve", tmp_path / "nowhere.pkl")
    assert "write name=value" in refused("run", "start", "quick", "model")
    assert "Is the server running?" in refused("ls", DESIREPATH_URL="http://127.0.0.1:9", DESIREPATH_TOKEN="x")
    assert "does not know you any more. Run `desirepath login" in refused("ls", DESIREPATH_TOKEN="x")
    assert "No Desirepath server is known here" in refused("ls", DESIREPATH_CONFIG=str(tmp_path / "none.json"))
    assert "You are not signed in to http://127.0.0.1:9" in refused("ls", DESIREPATH_URL="http://127.0.0.1:9")
    assert "“localhost:9” is no address of a server" in refused("ls", DESIREPATH_URL="localhost:9")
    assert "“localhost:9” is no address of a server" in refused("login", "--server", "localhost:9", "--no-browser")
    assert "cannot be read" in refused("template", "check", tmp_path / "none.yaml")


def test_others_names_are_not_there(standing, served):
    done = standing.cli("status", NAME, DESIREPATH_TOKEN=standing.tokens["charlie"])
    assert done.returncode == 1
    assert "Nothing called churn is live that you may see" in done.stderr
    done = standing.cli("remove", NAME, DESIREPATH_TOKEN=standing.tokens["bob"])
    assert done.returncode == 1
    assert "You may not change this deployment" in done.stderr


def test_a_missing_argument_exits_with_2(standing):
    done = standing.cli("status")
    assert done.returncode == 2
    assert "NAME" in done.stderr


def test_up_outside_a_checkout_says_so(refused):
    assert refused("up").startswith("This is not a checkout of Desirepath: there is no manage.py here or above.")


def test_every_verb_but_those_of_a_checkout_has_json():
    group = typer.main.get_command(cli.app)
    commands = dict(group.commands)  # type: ignore[attr-defined]
    for name in ("config", "template", "run", "trace", "schedule", "limit"):
        commands |= {f"{name} {verb}": found for verb, found in commands.pop(name).commands.items()}
    without = [name for name, found in commands.items() if "--json" not in [o for p in found.params for o in p.opts]]
    assert without == ["up", "worker", "backup", "recover"]


def test_the_version_is_printed(standing):
    assert standing.cli("--version").stdout.strip() == __version__


def test_the_printed_curl_gets_an_answer(standing, served):
    whole = standing.client().deployment(NAME)
    body = whole["call"].rsplit("-d '", 1)[1].rstrip("'")
    answer = httpx.post(f"{whole['address']}/predict", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 200
    assert Path(whole["url"]).parts[1] == "live"
