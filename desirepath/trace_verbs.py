"""desirepath trace …: why is this step here, and what came of this quote?"""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape

from desirepath import words
from desirepath.client import Json
from desirepath.terminal import AsJson, RunId, here, out, show

trace_app = typer.Typer(no_args_is_help=True, help="Why is this step here, and what came of this quote?")


@trace_app.command("run")
def trace_run(
    run: RunId, step: Annotated[str | None, typer.Argument(metavar="STEP")] = None, json: AsJson = False
) -> None:
    """From a run's step back to the second somebody needed it."""
    threads = here().trace_run(run, step)

    def say() -> None:
        for answer in threads:
            _say_thread(answer)

    show(threads, json, say)


@trace_app.command("observation")
def trace_observation(observation: Annotated[str, typer.Argument(metavar="ID")], json: AsJson = False) -> None:
    """From something seen or said to every run that rests on it."""
    answer = here().trace_observation(observation)
    show(answer, json, lambda: _say_thread(answer))


def _say_thread(answer: Json) -> None:
    out.print(f"\n[bold]{escape(answer['title'])}[/]")
    for line in words.thread(answer["links"]):
        out.print(line)
    if answer["gap"]:
        out.print(f"[dim]{escape(answer['gap'])}[/]")
