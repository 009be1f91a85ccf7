"""The verbs that need a checkout: up, worker, backup, recover. The checkout's own program takes our place."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from desirepath.client import ApiError

checkout_app = typer.Typer()


@checkout_app.command()
def up() -> None:
    """From a checkout: the embedded default in the foreground. Ctrl-C ends web and engine; what runs stays."""
    _in_checkout("up")


@checkout_app.command()
def worker(threads: Annotated[int, typer.Option(help="How many steps at once.")] = 4) -> None:
    """From a checkout: one more worker on the database of DATABASE_URL. Ctrl-C finishes the steps at hand."""
    _in_checkout("worker", "--threads", str(threads))


@checkout_app.command()
def backup(file: Annotated[Path, typer.Argument(help="A .tar; it will hold the keys too.")]) -> None:
    """From a checkout: all that must not be lost in one file, while everything goes on."""
    _in_checkout("backup", str(file.resolve()))


@checkout_app.command()
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
