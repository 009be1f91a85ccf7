"""desirepath run …: start, look, answer, tell, pause, resume, cancel, compare, export."""

from __future__ import annotations

import sys
from functools import partial
from typing import Annotated, Any

import typer
from rich.markup import escape

from desirepath import words
from desirepath.client import Json
from desirepath.terminal import AsJson, RunId, StepId, Team, begin_with, here, input_of, out, show, write

run_app = typer.Typer(no_args_is_help=True, help="Start runs, look at them, answer them.")


@run_app.command("start")
def run_start(
    template: str,
    inputs: Annotated[list[str] | None, typer.Argument(help="name=value; name=@file hands a file in.")] = None,
    name: Annotated[str | None, typer.Option(help="The deployment's name.")] = None,
    team: Team = None,
    revision: Annotated[int | None, typer.Option()] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what it would do, and do nothing.")] = False,
    json: AsJson = False,
) -> None:
    """Start a run of any template."""
    client = here()
    values = dict(input_of(client, text, team) for text in inputs or [])
    answer = client.start(values, template=template, name=name, team=team, revision=revision, dry_run=dry_run)

    def say() -> None:
        if not dry_run:
            out.print(f"run {answer['id']} has started: desirepath run status {answer['id']}")
            return
        for line in answer:
            row: Any = line
            out.print(f"{row['step']:<24} {row['verb']:<8} {escape(row['what'])} [dim]{escape(row['detail'])}[/]")

    show(answer, json, say)


@run_app.command("list")
def run_list(json: AsJson = False) -> None:
    """The newest runs."""
    rows = here().runs()

    def say() -> None:
        for row in rows or []:
            took = words.duration(row["seconds"])
            out.print(f"{row['id']:>5} {words.sign(row['state'])} {row['state']:<10} {took:>9}  {escape(row['title'])}")
        if not rows:
            out.print(f"No run yet. To begin: {begin_with()}")

    show(rows, json, say)


@run_app.command("status")
def run_status(run: RunId, json: AsJson = False) -> None:
    """A run with its steps."""
    answer = here().run(run)

    def say() -> None:
        out.print(f"{words.sign(answer['state'])} [bold]{escape(answer['title'])}[/] {answer['state']}")
        for step in answer["steps"]:
            if step["purpose"] == "leaf" or step["asking"]:
                out.print(f"  {words.step_line(step)}")
        if answer["reason"]:
            out.print(f"  {escape(answer['reason'])}")

    show(answer, json, say)


@run_app.command("logs")
def run_logs(run: RunId, step: StepId, json: AsJson = False) -> None:
    """What a step printed."""
    answer = here().step_logs(run, step)
    show(answer, json, partial(write, answer["text"]))


@run_app.command("approve")
def run_approve(
    run: RunId, step: StepId, comment: Annotated[str, typer.Option()] = "",
    refuse: Annotated[bool, typer.Option("--refuse", help="Say no.")] = False, json: AsJson = False,
) -> None:  # fmt: skip
    """Say yes (or no) to a step that asks."""
    answer = here().approve(run, step, comment, refuse=refuse)
    verdict = "refused" if refuse else "approved"
    show(answer, json, lambda: out.print(f"{words.sign('succeeded')} {answer['title']}: {verdict}"))


@run_app.command("confirm")
def run_confirm(
    run: RunId, step: StepId,
    values: Annotated[list[str] | None, typer.Argument(help="name=value; name=@file hands a file in.")] = None,
    comment: Annotated[str, typer.Option()] = "", json: AsJson = False,
) -> None:  # fmt: skip
    """Confirm a step done by hand, with what it asks for; or decide: choice=…"""
    client = here()
    answer = client.confirm(run, step, dict(input_of(client, text, None) for text in values or []), comment)
    show(answer, json, lambda: out.print(f"{words.sign('succeeded')} {answer['title']}: confirmed"))


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
    answer = client.resume(run, dict(input_of(client, text, None) for text in inputs or []))
    show(answer, json, lambda: out.print(f"run {run} goes on"))


@run_app.command("export")
def run_export(
    run: RunId,
    as_: Annotated[str, typer.Option("--as", help="xes: an event log for process mining.")] = "xes",
    json: AsJson = False,
) -> None:
    """A run for another program, on standard output."""
    answer = here().run_export(run, as_)
    show({"as": as_, "text": answer}, json, partial(write, answer))


@run_app.command("cancel")
def run_cancel(run: RunId, json: AsJson = False) -> None:
    """End a run; what it changed is put back."""
    answer = here().cancel(run)
    show(answer, json, lambda: out.print(f"run {run} is being cancelled; what it changed is put back"))


@run_app.command("pause")
def run_pause(run: RunId, json: AsJson = False) -> None:
    """Begin nothing new; what is launched is looked after."""
    answer = here().pause(run)
    show(answer, json, lambda: out.print(f"run {run} is paused. Continue it: desirepath run continue {run}"))


@run_app.command("continue")
def run_continue(run: RunId, json: AsJson = False) -> None:
    """Continue a paused run."""
    answer = here().go_on(run)
    show(answer, json, lambda: out.print(f"run {run} goes on"))


@run_app.command("tell")
def run_tell(
    run: RunId, event: Annotated[str, typer.Argument(help="What happened, as the template names it.")],
    values: Annotated[list[str] | None, typer.Argument(help="name=value")] = None, json: AsJson = False,
) -> None:  # fmt: skip
    """Tell a run that something happened; whatever waits for it goes on."""
    client = here()
    answer = client.tell(run, event, dict(input_of(client, text, None) for text in values or []))
    show(answer, json, lambda: out.print(f"event {event} was sent to run {run}"))


@run_app.command("diff")
def run_diff(
    run: RunId, other: Annotated[int, typer.Argument(metavar="OTHER", help="The run to compare with.")],
    json: AsJson = False,
) -> None:  # fmt: skip
    """Why a run differs from another: template, inputs, ways taken, outputs."""
    answer = here().diff(run, other)
    show(answer, json, lambda: _say_diff(answer))


def _say_diff(answer: Json) -> None:
    any_difference = False
    for part, title in (("template", "Template"), ("inputs", "Inputs"), ("steps", "Steps")):
        for row in answer[part]:
            out.print(f"[dim]{title:<9}[/] {words.difference(row)}")
            any_difference = True
    if not any_difference:
        out.print(f"runs {answer['before']} and {answer['after']} do not differ")
    elif answer["first"]:
        out.print(f"The first step that went another way: [bold]{escape(answer['first'])}[/]")
