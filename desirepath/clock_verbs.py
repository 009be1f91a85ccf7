"""desirepath schedule … and limit …: by the clock, and how many at once."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape

from desirepath.client import ApiError
from desirepath.terminal import AsJson, Target, Team, here, input_of, out, show

schedule_app = typer.Typer(no_args_is_help=True, help="Run templates by the clock.")
limit_app = typer.Typer(no_args_is_help=True, help="How many steps may be at work at once.")


@schedule_app.command("add")
def schedule_add(
    template: str, cron: Annotated[str, typer.Argument(help="Minute, hour, day, month, weekday: '30 2 * * 1-5'.")],
    inputs: Annotated[list[str] | None, typer.Argument(help="name=value; name=@file hands a file in.")] = None,
    zone: Annotated[str, typer.Option(help="Whose clock: Europe/Paris.")] = "UTC",
    name: Annotated[str | None, typer.Option(help="The deployment's name.")] = None,
    missed: Annotated[str, typer.Option(help="What was missed is run once, each, or skip: not at all.")] = "once",
    team: Team = None, json: AsJson = False,
) -> None:  # fmt: skip
    """Run a template by the clock."""
    client = here()
    values = dict(input_of(client, text, team) for text in inputs or [])
    answer = client.schedule(template, cron, zone=zone, name=name, team=team, inputs=values, misfire=missed)
    show(answer, json, lambda: out.print(f"schedule {answer['id']}: {template} next at {answer['next_at']}"))


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
    answer = here().change_schedule(schedule, paused=True)
    show(answer, json, lambda: out.print(f"schedule {schedule} is paused"))


@schedule_app.command("continue")
def schedule_continue(schedule: Annotated[int, typer.Argument(metavar="ID")], json: AsJson = False) -> None:
    """Let a paused schedule start runs again."""
    answer = here().change_schedule(schedule, paused=False)
    show(answer, json, lambda: out.print(f"schedule {schedule} goes on: next at {answer['next_at']}"))


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
    answer = client.limit(at_most, template=template, target=target, team=team)
    show(
        answer,
        json,
        lambda: out.print(f"{answer['of']}: at most {answer['at_most']} steps at once · limit {answer['id']}"),
    )


@limit_app.command("list")
def limit_list(json: AsJson = False) -> None:
    """The limits that apply to your teams' runs."""
    rows = here().limits()

    def say() -> None:
        for row in rows:
            out.print(f"{row['id']:>5} {row['of']}: at most {row['at_most']} steps at once")
        if not rows:
            out.print("Nothing is limited. Try: desirepath limit set 4 --team NAME")

    show(rows, json, say)


@limit_app.command("lift")
def limit_lift(limit: Annotated[int, typer.Argument(metavar="ID")], json: AsJson = False) -> None:
    """Remove a limit; queued steps start."""
    here().lift_limit(limit)
    show({"lifted": limit}, json, lambda: out.print(f"limit {limit} is lifted"))
