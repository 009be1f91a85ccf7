"""The terminal's verbs. Each asks the API and says what it answered; `--json` prints the answer itself."""

from __future__ import annotations

import json as json_module
import os
import sys
import time
import webbrowser
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from desirepath import __version__, login, place, words
from desirepath.client import ApiError, Desirepath, Json

app = typer.Typer(no_args_is_help=True, add_completion=False, help="From what you have in hand to an answer, and back.")
template_app = typer.Typer(no_args_is_help=True, help="Check, show and publish workflow templates.")
run_app = typer.Typer(no_args_is_help=True, help="Start runs, look at them, answer them.")
trace_app = typer.Typer(no_args_is_help=True, help="Why is this step here, and what came of this quote?")
app.add_typer(template_app, name="template")
app.add_typer(run_app, name="run")
app.add_typer(trace_app, name="trace")
schedule_app = typer.Typer(no_args_is_help=True, help="Run templates by the clock.")
limit_app = typer.Typer(no_args_is_help=True, help="How many steps may be at work at once.")
app.add_typer(schedule_app, name="schedule")
app.add_typer(limit_app, name="limit")

out = Console(soft_wrap=True, highlight=False)
err = Console(stderr=True, soft_wrap=True, highlight=False)

AsJson = Annotated[bool, typer.Option("--json", help="Print what the API answers.")]
Team = Annotated[str | None, typer.Option(help="When a name is on several teams.")]
Target = Annotated[str | None, typer.Option(help="When a name is on several targets.")]
Name = Annotated[str, typer.Argument(metavar="NAME", help="What it is called.")]
RunId = Annotated[int, typer.Argument(metavar="RUN", help="The run's number.")]
StepId = Annotated[str, typer.Argument(metavar="STEP", help="The step's id in the template.")]


class _State:
    server: str | None = None


def main() -> None:
    """The entry point: every refusal is one sentence on stderr and exit code 1."""
    try:
        app()
    except (ApiError, place.NoServer, login.Refused) as error:
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
    _State.server = server
    if version:
        out.print(__version__)
        raise typer.Exit


def here() -> Desirepath:
    return Desirepath(_State.server)


def write(text: str) -> None:
    """Somebody else's output, as it is."""
    sys.stdout.write(text)


def show(answer: Any, as_json: bool, say: Callable[[], None]) -> None:
    if as_json:
        sys.stdout.write(json_module.dumps(answer, indent=2, ensure_ascii=False) + "\n")
    else:
        say()


# --- from a file to an answer ----------------------------------------------------------------------------------------


@app.command()
def serve(
    model: Annotated[Path, typer.Argument(help="A .pkl, .joblib or .onnx.")],
    data: Annotated[Path | None, typer.Option(help="Rows the model has not seen, as CSV.")] = None,
    label: Annotated[str | None, typer.Option(help="The column it predicts.")] = None,
    name: Annotated[str | None, typer.Option(help="What to call it; without it, the file's name.")] = None,
    team: Team = None,
    template: Annotated[str | None, typer.Option(help="Another than your persona's published one.")] = None,
    port: Annotated[int | None, typer.Option(help="The port to answer on.")] = None,
    at_least: Annotated[float | None, typer.Option(help="The figure it has to reach.")] = None,
    until: Annotated[str, typer.Option(help="answers, or done: wait until the run has ended.")] = "answers",
    json: AsJson = False,
) -> None:
    """Put a model into production. Exit 0 means that it answers; the last line says how far it is from done."""
    tell = None if json else _tell
    served = here().serve(
        model, data=data, label=label, name=name, team=team, template=template, port=port, at_least=at_least,
        until=until, tell=tell,
    )  # fmt: skip
    deployment = _judged(served.deployment)
    answer = {"run": served.run, "deployment": deployment, "release": served.release}
    show(answer, json, lambda: _say_served(served.run, deployment, served.release))
    if not served.answers:
        raise typer.Exit(1)


def _judged(deployment: Json | None) -> Json | None:
    """Its criteria are looked at right after it answers: give them a moment."""
    deadline = time.monotonic() + 2
    while deployment and not deployment["done"]["of"] and time.monotonic() < deadline:
        time.sleep(0.1)
        deployment = here().deployment_by_id(deployment["id"])
    return deployment


def _tell(event: Json) -> None:
    if event["kind"] in ("step.succeeded", "step.failed", "step.skipped", "step.asks") and event["leaf"]:
        state = {"asks": "waiting"}.get(event["kind"].split(".")[1], event["kind"].split(".")[1])
        out.print(f"{words.sign(state)} {event['leaf']:<12} {escape(event['text'])}")
    elif event["kind"] == "step.log":
        out.print(f"[dim]  {event['leaf']:<12} {escape(event['text'])}[/]")


def _say_served(run: Json, deployment: Json | None, release: int | None) -> None:
    if run["state"] == "failed" or deployment is None or release is None:
        out.print(f"[red]×[/] {escape(run['reason'] or run['state'])}")
        out.print(f"[dim]Mend it, then: desirepath run resume {run['id']}; or start again[/]")
        return
    out.print(f"\n[bold]{deployment['name']} {release}[/] at {deployment['address']}")
    if deployment["call"]:
        out.print(f"  {deployment['call']}", markup=False)
    out.print(words.standing(run, deployment))


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
            out.print("Nothing is live yet. Put a model into production: desirepath serve model.pkl")
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
    found = here().deployment(name, team=team, target=target)

    def say() -> None:
        out.print(f"{words.sign(found['state'])} [bold]{found['name']}[/] {found['state']} · {found['address']}")
        for row in found["criteria"]:
            out.print(f"  {words.sign(row['state'])} {row['title']:<26} [dim]{escape(row['reason'])}[/]")
        for release in found["releases"]:
            rest = "running" if release["running"] else "stopped"
            out.print(f"  {release['number']:>3}  {release['weight']:>3} %  {rest}  [dim]{release['artefact_name']}[/]")
        if found["run"]:
            out.print(f"  run {found['run']} is changing it: desirepath run status {found['run']}")

    show(found, json, say)


@app.command()
def logs(
    name: Name, follow: Annotated[bool, typer.Option("--follow", "-f")] = False, team: Team = None,
    target: Target = None, release: Annotated[int | None, typer.Option()] = None, json: AsJson = False,
) -> None:  # fmt: skip
    """What it printed."""
    client, offset = here(), 0
    while True:
        found = client.logs(name, offset=offset, release=release, team=team, target=target)
        offset = found["offset"]
        show(found, json, partial(write, found["text"]))
        if not follow:
            return
        time.sleep(0.5)


@app.command("open")
def open_(name: Name, team: Team = None, target: Target = None, json: AsJson = False) -> None:
    """Its page in the browser."""
    client = here()
    found = client.deployment(name, team=team, target=target)
    address = f"{client.place.url}{found['url']}"
    show({"url": address}, json, lambda: out.print(address))
    if not json:
        webbrowser.open(address)


@app.command()
def rollback(name: Name, team: Team = None, target: Target = None, json: AsJson = False) -> None:
    """Send all requests to the release before."""
    found = here().rollback(name, team=team, target=target)
    show(found, json, lambda: out.print(f"{words.sign('succeeded')} {name} {found['live']} answers again"))


@app.command()
def remove(name: Name, team: Team = None, target: Target = None, json: AsJson = False) -> None:
    """Take it away. It can be restored for seven days."""
    found = here().remove(name, team=team, target=target)
    show(found, json, lambda: out.print(f"{name} is removed. To take that back: desirepath restore {name}"))


@app.command()
def restore(name: Name, team: Team = None, target: Target = None, json: AsJson = False) -> None:
    """Bring back what was removed."""
    found = here().restore(name, team=team, target=target)
    show(found, json, lambda: out.print(f"{words.sign('succeeded')} {name} {found['live']} answers again"))


@app.command()
def confirm(
    name: Name, criterion: Annotated[str, typer.Argument(help="A criterion judged by hand.")],
    comment: Annotated[str, typer.Option()] = "", team: Team = None, target: Target = None, json: AsJson = False,
) -> None:  # fmt: skip
    """Say that a done criterion which is judged by hand is met."""
    found = here().confirm_done(name, criterion, comment, team=team, target=target)
    show(found, json, lambda: out.print(f"{words.sign(found['state'])} {found['title']}: {found['reason']}"))


# --- templates -------------------------------------------------------------------------------------------------------


@template_app.command("check")
def template_check(file: Path, json: AsJson = False) -> None:
    """Whether a template can be run; every problem with line and column."""
    found = here().check_template(_read(file))

    def say() -> None:
        if found["ok"]:
            out.print(f"{words.sign('succeeded')} {file} can be run · {found['digest'][:12]}")
        for problem in found["problems"]:
            out.print(f"{file}:{problem['line']}:{problem['column']}: {escape(problem['message'])}")

    show(found, json, say)
    if not found["ok"]:
        raise typer.Exit(1)


def _read(file: Path) -> str:
    try:
        return file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise ApiError(f"{file} cannot be read: {error}") from error


@template_app.command("show")
def template_show(
    name: Annotated[str | None, typer.Argument()] = None,
    revision: Annotated[int | None, typer.Option()] = None,
    json: AsJson = False,
) -> None:
    """A template as YAML; without a name, all of them."""
    if name:
        found = here().template(name, revision)
        show(found, json, lambda: out.print(found["yaml"], markup=False))
        return
    rows = here().templates()

    def say() -> None:
        for row in rows:
            published = f"revision {row['published']}" if row["published"] else "a draft"
            out.print(f"{row['name']:<24} {row['persona'] or '':<16} {published:<12} [dim]{escape(row['title'])}[/]")

    show(rows, json, say)


@template_app.command("publish")
def template_publish(
    what: Annotated[str, typer.Argument(help="A file, which is kept first, or a template's name.")],
    revision: Annotated[int | None, typer.Option()] = None,
    json: AsJson = False,
) -> None:
    """Let a template be what new runs take. Needs the champion of its persona."""
    client, file = here(), Path(what)
    if file.suffix in (".yaml", ".yml") or file.exists():
        kept = client.keep_template(_read(file))
        what, revision = kept["template"], kept["number"]
    found = client.publish(what, revision)
    done = words.sign("succeeded")
    show(found, json, lambda: out.print(f"{done} {found['template']} {found['number']} is published"))


# --- runs ------------------------------------------------------------------------------------------------------------


@run_app.command("start")
def run_start(
    template: str,
    inputs: Annotated[list[str] | None, typer.Argument(help="name=value; name=@file hands a file in.")] = None,
    name: Annotated[str | None, typer.Option(help="Of the deployment.")] = None,
    team: Team = None,
    revision: Annotated[int | None, typer.Option()] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what it would do, and do nothing.")] = False,
    json: AsJson = False,
) -> None:
    """Start a run of any template."""
    client = here()
    values = dict(_input(client, text, team) for text in inputs or [])
    found = client.start(values, template=template, name=name, team=team, revision=revision, dry_run=dry_run)

    def say() -> None:
        if not dry_run:
            out.print(f"run {found['id']} has started: desirepath run status {found['id']}")
            return
        for line in found:
            row: Any = line
            out.print(f"{row['step']:<24} {row['verb']:<8} {escape(row['what'])} [dim]{escape(row['detail'])}[/]")

    show(found, json, say)


def _input(client: Desirepath, text: str, team: str | None) -> tuple[str, Any]:
    name, sign, value = text.partition("=")
    if not sign:
        raise ApiError(f"“{text}” is not an input: write name=value, or name=@file.")
    return name, client.upload(value[1:], team=team) if value.startswith("@") else value


@run_app.command("list")
def run_list(json: AsJson = False) -> None:
    """The newest runs."""
    rows = here().runs()

    def say() -> None:
        for row in rows or []:
            took = words.duration(row["seconds"])
            out.print(f"{row['id']:>5} {words.sign(row['state'])} {row['state']:<10} {took:>9}  {escape(row['title'])}")
        if not rows:
            out.print("No run yet. Start one: desirepath serve model.pkl")

    show(rows, json, say)


@run_app.command("status")
def run_status(run: RunId, json: AsJson = False) -> None:
    """A run with its steps."""
    found = here().run(run)

    def say() -> None:
        out.print(f"{words.sign(found['state'])} [bold]{escape(found['title'])}[/] {found['state']}")
        for step in found["steps"]:
            if step["purpose"] == "leaf" or step["asking"]:
                out.print(f"  {words.step_line(step)}")
        if found["reason"]:
            out.print(f"  {escape(found['reason'])}")

    show(found, json, say)


@run_app.command("logs")
def run_logs(run: RunId, step: StepId, json: AsJson = False) -> None:
    """What a step printed."""
    found = here().step_logs(run, step)
    show(found, json, partial(write, found["text"]))


@run_app.command("approve")
def run_approve(
    run: RunId, step: StepId, comment: Annotated[str, typer.Option()] = "",
    refuse: Annotated[bool, typer.Option("--refuse", help="Say no.")] = False, json: AsJson = False,
) -> None:  # fmt: skip
    """Say yes (or no) to a step that asks."""
    found = here().approve(run, step, comment, refuse=refuse)
    said = "refused" if refuse else "approved"
    show(found, json, lambda: out.print(f"{words.sign('succeeded')} {found['title']}: {said}"))


@run_app.command("confirm")
def run_confirm(
    run: RunId, step: StepId,
    values: Annotated[list[str] | None, typer.Argument(help="name=value; name=@file hands a file in.")] = None,
    comment: Annotated[str, typer.Option()] = "", json: AsJson = False,
) -> None:  # fmt: skip
    """Confirm a step done by hand, with what it asks for; or decide: choice=…"""
    client = here()
    found = client.confirm(run, step, dict(_input(client, text, None) for text in values or []), comment)
    show(found, json, lambda: out.print(f"{words.sign('succeeded')} {found['title']}: confirmed"))


@run_app.command("resume")
def run_resume(
    run: RunId,
    inputs: Annotated[list[str] | None, typer.Argument(help="Corrections: name=value; name=@file.")] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False, json: AsJson = False,
) -> None:  # fmt: skip
    """Run the failed steps again, after showing which; readers of a corrected input too."""
    client = here()
    if not json:
        for step in client.would_resume(run):
            out.print(f"again: {step['title']} [dim]{escape(step['reason'])}[/]")
        if not yes and sys.stdin.isatty() and not typer.confirm("Run these again?"):
            raise typer.Exit(1)
    found = client.resume(run, dict(_input(client, text, None) for text in inputs or []))
    show(found, json, lambda: out.print(f"run {run} goes on"))


@run_app.command("export")
def run_export(
    run: RunId,
    as_: Annotated[str, typer.Option("--as", help="xes: an event log for process mining.")] = "xes",
    json: AsJson = False,
) -> None:
    """A run for another program, on standard output."""
    found = here().run_export(run, as_)
    show({"as": as_, "text": found}, json, partial(write, found))


@run_app.command("cancel")
def run_cancel(run: RunId, json: AsJson = False) -> None:
    """End a run; what it changed is put back."""
    found = here().cancel(run)
    show(found, json, lambda: out.print(f"run {run} is being cancelled; what it changed is put back"))


@run_app.command("pause")
def run_pause(run: RunId, json: AsJson = False) -> None:
    """Begin nothing new; what is launched is looked after."""
    found = here().pause(run)
    show(found, json, lambda: out.print(f"run {run} is paused. Continue it: desirepath run continue {run}"))


@run_app.command("continue")
def run_continue(run: RunId, json: AsJson = False) -> None:
    """Continue a paused run."""
    found = here().go_on(run)
    show(found, json, lambda: out.print(f"run {run} goes on"))


@run_app.command("tell")
def run_tell(
    run: RunId, event: Annotated[str, typer.Argument(help="What happened, as the template names it.")],
    values: Annotated[list[str] | None, typer.Argument(help="name=value")] = None, json: AsJson = False,
) -> None:  # fmt: skip
    """Tell a run that something happened; whatever waits for it goes on."""
    client = here()
    found = client.tell(run, event, dict(_input(client, text, None) for text in values or []))
    show(found, json, lambda: out.print(f"run {run} was told: {event}"))


@run_app.command("diff")
def run_diff(
    run: RunId, other: Annotated[int, typer.Argument(metavar="OTHER", help="The run to compare with.")],
    json: AsJson = False,
) -> None:  # fmt: skip
    """Why a run differs from another: template, inputs, ways taken, outputs."""
    found = here().diff(run, other)
    show(found, json, lambda: _say_diff(found))


def _say_diff(found: Json) -> None:
    said = False
    for part, title in (("template", "Template"), ("inputs", "Inputs"), ("steps", "Steps")):
        for row in found[part]:
            out.print(f"[dim]{title:<9}[/] {words.difference(row)}")
            said = True
    if not said:
        out.print(f"runs {found['before']} and {found['after']} do not differ")
    elif found["first"]:
        out.print(f"The first step that went another way: [bold]{escape(found['first'])}[/]")


# --- by the clock, and how many at once ------------------------------------------------------------------------------


@schedule_app.command("add")
def schedule_add(
    template: str, cron: Annotated[str, typer.Argument(help="Minute, hour, day, month, weekday: '30 2 * * 1-5'.")],
    inputs: Annotated[list[str] | None, typer.Argument(help="name=value; name=@file hands a file in.")] = None,
    zone: Annotated[str, typer.Option(help="Whose clock: Europe/Paris.")] = "UTC",
    name: Annotated[str | None, typer.Option(help="Of the deployment.")] = None,
    missed: Annotated[str, typer.Option(help="What was missed is run once, each, or skip: not at all.")] = "once",
    team: Team = None, json: AsJson = False,
) -> None:  # fmt: skip
    """Run a template by the clock."""
    client = here()
    values = dict(_input(client, text, team) for text in inputs or [])
    found = client.schedule(template, cron, zone=zone, name=name, team=team, inputs=values, misfire=missed)
    show(found, json, lambda: out.print(f"schedule {found['id']}: {template} next at {found['next_at']}"))


@schedule_app.command("list")
def schedule_list(json: AsJson = False) -> None:
    """What runs by the clock, and when next."""
    rows = here().schedules()

    def say() -> None:
        for row in rows:
            when = "paused" if row["paused"] else f"next {row['next_at']}"
            out.print(f"{row['id']:>5} {row['template']:<24} {row['cron']:<16} {row['zone']:<16} {when}")
            if row["problem"]:
                out.print(f"      [red]×[/] {escape(row['problem'])}")
        if not rows:
            out.print("Nothing runs by the clock. Try: desirepath schedule add TEMPLATE '30 2 * * 1-5'")

    show(rows, json, say)


@schedule_app.command("pause")
def schedule_pause(schedule: Annotated[int, typer.Argument(metavar="ID")], json: AsJson = False) -> None:
    """Start nothing until it is continued."""
    found = here().change_schedule(schedule, paused=True)
    show(found, json, lambda: out.print(f"schedule {schedule} is paused"))


@schedule_app.command("continue")
def schedule_continue(schedule: Annotated[int, typer.Argument(metavar="ID")], json: AsJson = False) -> None:
    """Let a paused schedule start runs again."""
    found = here().change_schedule(schedule, paused=False)
    show(found, json, lambda: out.print(f"schedule {schedule} goes on: next at {found['next_at']}"))


@schedule_app.command("remove")
def schedule_remove(schedule: Annotated[int, typer.Argument(metavar="ID")], json: AsJson = False) -> None:
    """Remove it; the runs it has started stay."""
    here().remove_schedule(schedule)
    show({"removed": schedule}, json, lambda: out.print(f"schedule {schedule} is removed"))


@limit_app.command("set")
def limit_set(
    at_most: Annotated[int, typer.Argument(help="How many steps may be at work at once.")],
    template: Annotated[str | None, typer.Option()] = None, target: Target = None, team: Team = None,
    json: AsJson = False,
) -> None:  # fmt: skip
    """Limit a team, a target or a template."""
    client = here()
    if not (template or target or team):
        raise ApiError("Say what to limit: --team NAME, --template NAME or --target NAME.")
    found = client.limit(at_most, template=template, target=target, team=team)
    show(
        found, json, lambda: out.print(f"{found['of']}: at most {found['at_most']} steps at once · limit {found['id']}")
    )


@limit_app.command("list")
def limit_list(json: AsJson = False) -> None:
    """The limits that bear on you."""
    rows = here().limits()

    def say() -> None:
        for row in rows:
            out.print(f"{row['id']:>5} {row['of']}: at most {row['at_most']} steps at once")
        if not rows:
            out.print("Nothing is limited. Try: desirepath limit set 4 --team NAME")

    show(rows, json, say)


@limit_app.command("lift")
def limit_lift(limit: Annotated[int, typer.Argument(metavar="ID")], json: AsJson = False) -> None:
    """Lift a limit; whoever waited goes on."""
    here().lift_limit(limit)
    show({"lifted": limit}, json, lambda: out.print(f"limit {limit} is lifted"))


# --- the trace -------------------------------------------------------------------------------------------------------


@trace_app.command("run")
def trace_run(
    run: RunId, step: Annotated[str | None, typer.Argument(metavar="STEP")] = None, json: AsJson = False
) -> None:
    """From a run's step back to the second somebody needed it."""
    threads = here().trace_run(run, step)

    def say() -> None:
        for found in threads:
            _say_thread(found)

    show(threads, json, say)


@trace_app.command("observation")
def trace_observation(observation: Annotated[str, typer.Argument(metavar="ID")], json: AsJson = False) -> None:
    """From something seen or said to every run that rests on it."""
    found = here().trace_observation(observation)
    show(found, json, lambda: _say_thread(found))


def _say_thread(found: Json) -> None:
    out.print(f"\n[bold]{escape(found['title'])}[/]")
    for line in words.thread(found["links"]):
        out.print(line)
    if found["gap"]:
        out.print(f"[dim]{escape(found['gap'])}[/]")


# --- the server ------------------------------------------------------------------------------------------------------


@app.command("login")
def login_(
    browser: Annotated[bool, typer.Option(help="Open the page by itself.")] = True, json: AsJson = False
) -> None:
    """Sign this terminal in, through the browser."""
    url = _State.server or os.environ.get("DESIREPATH_URL") or place.read().get("url") or "http://127.0.0.1:8800"
    tell = err.print if json else out.print
    found = login.login(url, tell=tell, browser=browser)
    show({"server": found.url}, json, lambda: out.print(f"{words.sign('succeeded')} Signed in to {found.url}"))


@app.command()
def up() -> None:
    """From a checkout: the embedded default in the foreground. Ctrl-C ends web and engine; what runs stays."""
    _in_checkout("up")


@app.command()
def worker(
    threads: Annotated[int, typer.Option(help="How many steps at once.")] = 4,
) -> None:
    """From a checkout: one more worker on the database of DATABASE_URL. Ctrl-C finishes the steps at hand."""
    _in_checkout("worker", "--threads", str(threads))


@app.command()
def backup(file: Annotated[Path, typer.Argument(help="A .tar; it will hold the keys too.")]) -> None:
    """From a checkout: all that must not be lost in one file, while everything goes on."""
    _in_checkout("backup", str(file.resolve()))


@app.command()
def recover(
    file: Annotated[Path, typer.Argument(help="What `backup` wrote.")],
    into: Annotated[Path | None, typer.Option(help="An empty home; without it, DESIREPATH_HOME.")] = None,
) -> None:
    """From a checkout: a home from a backup. Refuses one that is in use."""
    _in_checkout("recover", str(file.resolve()), *(["--into", str(into.resolve())] if into else []))


def _in_checkout(*command: str) -> None:
    """The checkout's own program takes our place."""
    checkout = next((p for p in (Path.cwd(), *Path.cwd().parents) if (p / "manage.py").is_file()), None)
    if checkout is None:
        raise ApiError(
            "This is not a checkout of Desirepath: there is no manage.py here or above. Use `make run` in one."
        )
    python = checkout / ".venv" / "bin" / "python"
    if not python.exists():
        raise ApiError(f"{checkout} is not set up yet: run `make run` there once.")
    os.chdir(checkout)
    os.execv(python, [str(python), "manage.py", *command])  # noqa: S606 - said above


if __name__ == "__main__":
    main()
