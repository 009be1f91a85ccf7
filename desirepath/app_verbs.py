"""desirepath push, config, scale, exec: what somebody with an app does."""

from __future__ import annotations

import sys
from functools import partial
from typing import Annotated

import typer
from rich.table import Table

from desirepath import words
from desirepath.client import ApiError, Json
from desirepath.served import follow_to_answer
from desirepath.terminal import AsJson, Name, Target, Team, err, here, out, show, write

app_verbs = typer.Typer()
config_app = typer.Typer(no_args_is_help=True, help="Settings and secrets of a service: set, list, take away.")

Again = Annotated[bool, typer.Option("--release/--no-release", help="Release it again, so that they take effect.")]
Until = Annotated[str, typer.Option(help="answers, or done: wait until the run has ended.")]


@app_verbs.command()
def push(
    folder: Annotated[str, typer.Argument(help="A folder with a Procfile, or a git address (#branch).")] = ".",
    name: Annotated[str | None, typer.Option(help="What to call it; without it, the folder's name.")] = None,
    check: Annotated[str | None, typer.Option(help="A path that has to answer 200, /healthz.")] = None,
    python: Annotated[str | None, typer.Option(help="A Python version, in place of the one the folder pins.")] = None,
    team: Team = None,
    template: Annotated[str | None, typer.Option(help="A template, in place of your persona's published one.")] = None,
    port: Annotated[int | None, typer.Option(help="The port to answer on.")] = None,
    until: Until = "answers",
    json: AsJson = False,
) -> None:
    """Push an app and it is live. Exit 0 means that it answers; the last line says how far it is from done."""
    follow_to_answer(
        lambda tell: here().push(
            folder, name=name, check=check, python=python, team=team, template=template, port=port, until=until,
            tell=tell,
        ),
        json,
    )  # fmt: skip


@config_app.command("set")
def config_set(
    name: Name, values: Annotated[list[str], typer.Argument(metavar="KEY=VALUE…", help="KEY=- reads it from stdin.")],
    release: Again = True, team: Team = None, target: Target = None, json: AsJson = False,
) -> None:  # fmt: skip
    """Set them, kept encrypted; nothing ever shows a value again. What is live is released again with them."""
    client, pairs = here(), dict(_pair(text) for text in values)
    if not client.ls(name=name, team=team, target=target):
        client.make(name, team=team)
    answer = client.configure(name, pairs, team=team, target=target)
    show(answer, json, lambda: out.print(f"{words.sign('succeeded')} {name} has {', '.join(pairs)}"))
    _again(name, release, team, target)


@config_app.command("list")
def config_list(name: Name, team: Team = None, target: Target = None, json: AsJson = False) -> None:
    """Their names, who set them and when. Values are never shown."""
    rows = here().config(name, team=team, target=target)

    def say() -> None:
        if not rows:
            out.print(f"{name} has no settings. Set one: desirepath config set {name} KEY=VALUE")
            return
        table = Table("name", "set", "by", box=None, header_style="dim")
        for row in rows:
            table.add_row(row["key"], row["set_at"][:16].replace("T", " "), row["set_by"] or "its app.json")
        out.print(table)

    show(rows, json, say)


@config_app.command("unset")
def config_unset(
    name: Name, keys: Annotated[list[str], typer.Argument(metavar="KEY…")], release: Again = True, team: Team = None,
    target: Target = None, json: AsJson = False,
) -> None:  # fmt: skip
    """Take settings away. What is live is released again without them."""
    client = here()
    known = {row["key"] for row in client.config(name, team=team, target=target)}
    if unknown := [key for key in keys if key not in known]:
        raise ApiError(f"{name} has no setting {', '.join(unknown)}; it has {', '.join(sorted(known)) or 'none'}.")
    answer = client.configure(name, dict.fromkeys(keys), team=team, target=target)
    show(answer, json, lambda: out.print(f"{words.sign('succeeded')} {name} no longer has {', '.join(keys)}"))
    _again(name, release, team, target)


def _pair(text: str) -> tuple[str, str]:
    key, sign, value = text.partition("=")
    if not sign:
        raise ApiError(f"“{text}” is not a setting: write KEY=VALUE, or KEY=- to give the value on stdin.")
    return key, sys.stdin.read().rstrip("\n") if value == "-" else value


def _again(name: str, release: bool, team: str | None, target: str | None) -> None:
    """Release what is live once more; a name that has nothing live yet waits for its first push."""
    client = here()
    live = client.deployment(name, team=team, target=target)["live"]
    if live is None:
        err.print(f"[dim]{name} has no release yet: its first one will use them.[/]")
    elif release:
        follow_to_answer(lambda tell: client.release_again(name, tell=tell, team=team, target=target), False)
    else:
        err.print("[dim]The live release keeps its settings until it is released again.[/]")


@app_verbs.command()
def scale(
    name: Name, counts: Annotated[list[str] | None, typer.Argument(metavar="PROCESS=N…")] = None, team: Team = None,
    target: Target = None, json: AsJson = False,
) -> None:  # fmt: skip
    """How many of each process run; without any, how many do."""
    client = here()
    if counts:
        answer = client.scale(name, dict(_count(text) for text in counts), team=team, target=target)
    else:
        answer = client.deployment(name, team=team, target=target)

    def say() -> None:
        for row in answer["processes"]:
            again = f" · started {row['starts']} times" if row["starts"] > 1 else ""
            out.print(f"{words.sign(row['state'])} {row['name']:<12} {row['state']}{again} [dim]{row['reason']}[/]")
        if not answer["processes"]:
            out.print(f"{name} has no processes that could be counted.")

    show(answer, json, say)


def _count(text: str) -> tuple[str, int]:
    process, _, number = text.partition("=")
    if not process or not number.isdigit():
        raise ApiError(f"“{text}” is not a count: write for instance web=2.")
    return process, int(number)


@app_verbs.command("exec", context_settings={"ignore_unknown_options": True})
def execute(
    name: Name, command: Annotated[list[str], typer.Argument(metavar="-- COMMAND…")], team: Team = None,
    target: Target = None, json: AsJson = False,
) -> None:  # fmt: skip
    """Run a command once in the live release, with its settings. Ends as the command ends; it gets no input."""
    state: Json = {}
    for state in here().execute(name, command, team=team, target=target):
        show(state, json, partial(write, state["text"]))
    if state["exit_code"] is None or state["state"] == "stopped":
        err.print(f"[red]×[/] {state['reason']}")
    raise typer.Exit(state["exit_code"] if state["exit_code"] is not None and state["exit_code"] >= 0 else 1)
