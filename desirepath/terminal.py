"""What the terminal's verbs share: where they print, the options they have in common, and how values are written."""

from __future__ import annotations

import json as json_module
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from desirepath.client import ApiError, Desirepath

out = Console(soft_wrap=True, highlight=False)
err = Console(stderr=True, soft_wrap=True, highlight=False)

AsJson = Annotated[bool, typer.Option("--json", help="Print what the API answers.")]
Team = Annotated[str | None, typer.Option(help="The team, where several teams use this name.")]
Target = Annotated[str | None, typer.Option(help="The target, where several targets have this name.")]
Name = Annotated[str, typer.Argument(metavar="NAME", help="What it is called.")]
RunId = Annotated[int, typer.Argument(metavar="RUN", help="The run's number.")]
StepId = Annotated[str, typer.Argument(metavar="STEP", help="The step's id in the template.")]


class State:
    """What was said before the verb."""

    server: str | None = None


def here() -> Desirepath:
    """The API that was named, or that this terminal is signed in to."""
    return Desirepath(State.server)


def begin_with() -> str:
    """The command that somebody of this person's persona begins with."""
    return escape(str(here().me()["words"]["command"]))


def write(text: str) -> None:
    """Somebody else's output, as it is."""
    sys.stdout.write(text)


def show(answer: Any, as_json: bool, say: Callable[[], None]) -> None:
    if as_json:
        sys.stdout.write(json_module.dumps(answer, indent=2, ensure_ascii=False) + "\n")
    else:
        say()


def input_of(client: Desirepath, text: str, team: str | None) -> tuple[str, Any]:
    """An input as it is typed, name=value or name=@file. Raises ApiError when it is neither."""
    name, sign, value = text.partition("=")
    if not sign:
        raise ApiError(f"“{text}” is not an input: write name=value, or name=@file.")
    return name, client.upload(value[1:], team=team) if value.startswith("@") else value


def read(file: Path) -> str:
    """The text of a file. Raises ApiError when it cannot be read."""
    try:
        return file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise ApiError(f"{file} cannot be read: {error}") from error
