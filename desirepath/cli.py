"""The terminal's verbs. Each asks the API and says what it answered; `--json` prints the answer itself."""

from __future__ import annotations

import time
import webbrowser
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from desirepath import __version__, connection, login, words
from desirepath.app_verbs import app_verbs, config_app
from desirepath.checkout_verbs import checkout_app
from desirepath.client import ApiError
from desirepath.clock_verbs import limit_app, schedule_app
from desirepath.run_verbs import run_app
from desirepath.served import follow_to_answer
from desirepath.template_verbs import template_app
from desirepath.terminal import AsJson, Name, State, Target, Team, begin_with, err, here, out, show, write
from desirepath.trace_verbs import trace_app

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Put what you have into production, watch it, and go back."
)


def main() -> None:
    """The entry point: every refusal is one sentence on stderr and exit code 1."""
    try:
        app()
    except (ApiError, connection.NoServer, login.LoginRefused) as error:
        err.print(f"[red]×[/] {escape(str(error))}")
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        err.print("\nStopped looking; what was started goes on.")
        raise SystemExit(130) from None


@app.callback(invoke_without_command=True)
def root(
    server: Annotated[str | None, typer.Option(help="The server's address.")] = None,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    State.server = server
    if version:
        out.print(__version__)
        raise typer.Exit


# --- from a file to an answer ----------------------------------------------------------------------------------------


@app.command()
def serve(
    model: Annotated[Path, typer.Argument(help="A .pkl, .joblib or .onnx.")],
    data: Annotated[Path | None, typer.Option(help="Rows the model has not seen, as CSV.")] = None,
    label: Annotated[str | None, typer.Option(help="The column it predicts.")] = None,
    name: Annotated[str | None, typer.Option(help="What to call it; without it, the file's name.")] = None,
    team: Team = None,
    template: Annotated[str | None, typer.Option(help="A template, in place of your persona's published one.")] = None,
    port: Annotated[int | None, typer.Option(help="The port to answer on.")] = None,
    at_least: Annotated[float | None, typer.Option(help="The figure it has to reach.")] = None,
    until: Annotated[str, typer.Option(help="answers, or done: wait until the run has ended.")] = "answers",
    json: AsJson = False,
) -> None:
    """Put a model into production. Exit 0 means that it answers; the last line says how far it is from done."""
    follow_to_answer(
        lambda tell: here().serve(
            model, data=data, label=label, name=name, team=team, template=template, port=port, at_least=at_least,
            until=until, tell=tell,
        ),
        json,
    )  # fmt: skip


# --- what is live ----------------------------------------------------------------------------------------------------


@app.command()
def ls(
    team: Team = None,
    removed: Annotated[bool, typer.Option(help="Also what can still be restored.")] = False,
    json: AsJson = False,
) -> None:
    """What is live."""
    rows = here().ls(team=team, removed=removed)

    def say() -> None:
        if not rows:
            out.print(f"Nothing is live yet. To begin: {begin_with()}")
            return
        table = Table("name", "live", "state", "done", "traffic", "address", box=None, header_style="dim")
        for row in rows:
            traffic = ", ".join(f"{share} % to {number}" for number, share in row["traffic"].items() if share)
            state = f"{words.sign(row['state'])} {row['state']}"
            far = f"{row['done']['met']} of {row['done']['of']}"
            table.add_row(row["name"], str(row["live"] or "–"), state, far, traffic, row["address"])
        out.print(table)

    show(rows, json, say)


@app.command()
def status(name: Name, team: Team = None, target: Target = None, json: AsJson = False) -> None:
    """One of them: how far from done, its releases, what it waits for."""
    answer = here().deployment(name, team=team, target=target)

    def say() -> None:
        out.print(f"{words.sign(answer['state'])} [bold]{answer['name']}[/] {answer['state']} · {answer['address']}")
        for row in answer["criteria"]:
            out.print(f"  {words.sign(row['state'])} {row['title']:<26} [dim]{escape(row['reason'])}[/]")
        for release in answer["releases"]:
            rest = "running" if release["running"] else "stopped"
            out.print(f"  {release['number']:>3}  {release['weight']:>3} %  {rest}  [dim]{release['artefact_name']}[/]")
        if answer["run"]:
            out.print(f"  run {answer['run']} is changing it: desirepath run status {answer['run']}")

    show(answer, json, say)


LATEST = 48 << 10  # bytes of a log that are printed first: what was said last is what is wanted


@app.command()
def logs(
    name: Name, follow: Annotated[bool, typer.Option("--follow", "-f")] = False, team: Team = None,
    target: Target = None, release: Annotated[int | None, typer.Option()] = None,
    process: Annotated[str, typer.Option(help="One of several: web.1.")] = "", json: AsJson = False,
) -> None:  # fmt: skip
    """What it printed; of several processes, each line with the process it is from."""
    client, offsets = here(), dict[tuple[int | None, str], int]()
    which = {"team": team, "target": target}
    while True:
        answer = client.deployment(name, team=team, target=target)
        names = [process] if process or release else [row["name"] for row in answer["processes"]] or [""]
        for process_name in names:
            key = (release or answer["live"], process_name)
            read = client.logs(name, offset=offsets.get(key, -LATEST), release=release, process=process_name, **which)
            offsets[key] = read["offset"]
            show(read, json, partial(write, _prefixed(read["text"], process_name if len(names) > 1 else "")))
        if not follow:
            return
        time.sleep(0.5)


def _prefixed(text: str, process: str) -> str:
    return "".join(f"{process} | {line}" for line in text.splitlines(keepends=True)) if process else text


@app.command("open")
def open_(name: Name, team: Team = None, target: Target = None, json: AsJson = False) -> None:
    """Its page in the browser."""
    client = here()
    answer = client.deployment(name, team=team, target=target)
    address = f"{client.place.url}{answer['url']}"
    show({"url": address}, json, lambda: out.print(address))
    if not json:
        webbrowser.open(address)


@app.command()
def rollback(name: Name, team: Team = None, target: Target = None, json: AsJson = False) -> None:
    """Send all requests to the release before."""
    answer = here().rollback(name, team=team, target=target)
    show(answer, json, lambda: out.print(f"{words.sign('succeeded')} {name} {answer['live']} answers again"))


@app.command()
def remove(name: Name, team: Team = None, target: Target = None, json: AsJson = False) -> None:
    """Take it away. It can be restored for seven days."""
    answer = here().remove(name, team=team, target=target)
    show(answer, json, lambda: out.print(f"{name} is removed. To take that back: desirepath restore {name}"))


@app.command()
def restore(name: Name, team: Team = None, target: Target = None, json: AsJson = False) -> None:
    """Bring back what was removed."""
    answer = here().restore(name, team=team, target=target)
    show(answer, json, lambda: out.print(f"{words.sign('succeeded')} {name} {answer['live']} answers again"))


@app.command()
def confirm(
    name: Name, criterion: Annotated[str, typer.Argument(help="A criterion judged by hand.")],
    comment: Annotated[str, typer.Option()] = "", team: Team = None, target: Target = None, json: AsJson = False,
) -> None:  # fmt: skip
    """Say that a done criterion which is judged by hand is met."""
    answer = here().confirm_done(name, criterion, comment, team=team, target=target)
    show(answer, json, lambda: out.print(f"{words.sign(answer['state'])} {answer['title']}: {answer['reason']}"))


# --- the server ------------------------------------------------------------------------------------------------------


@app.command("login")
def login_(
    server: Annotated[str | None, typer.Option(help="The server's address.")] = None,
    browser: Annotated[bool, typer.Option(help="Open the page by itself.")] = True,
    json: AsJson = False,
) -> None:
    """Sign this terminal in, through the browser."""
    url = connection.address(server or State.server)
    tell = err.print if json else out.print
    answer = login.login(url, tell=tell, browser=browser)
    show({"server": answer.url}, json, lambda: out.print(f"{words.sign('succeeded')} Signed in to {answer.url}"))


# After the verbs from here, in the order that `--help` lists them.
app.add_typer(app_verbs)
app.add_typer(config_app, name="config")
app.add_typer(template_app, name="template")
app.add_typer(run_app, name="run")
app.add_typer(schedule_app, name="schedule")
app.add_typer(limit_app, name="limit")
app.add_typer(trace_app, name="trace")
app.add_typer(checkout_app)


if __name__ == "__main__":
    main()
