"""desirepath template …: check, show and publish."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from desirepath import words
from desirepath.client import ApiError, Json
from desirepath.terminal import AsJson, here, out, read, show

template_app = typer.Typer(no_args_is_help=True, help="Check, show and publish workflow templates.")


@template_app.command("check")
def template_check(file: Path, json: AsJson = False) -> None:
    """Whether a template can be run; every problem with line and column."""
    answer = here().check_template(read(file))

    def say() -> None:
        if answer["ok"]:
            out.print(f"{words.sign('succeeded')} {file} can be run · {answer['digest'][:12]}")
        for problem in answer["problems"]:
            out.print(f"{file}:{problem['line']}:{problem['column']}: {escape(problem['message'])}")

    show(answer, json, say)
    if not answer["ok"]:
        raise typer.Exit(1)


@template_app.command("show")
def template_show(
    name: Annotated[str | None, typer.Argument()] = None,
    revision: Annotated[int | None, typer.Option()] = None,
    json: AsJson = False,
) -> None:
    """A template as YAML; without a name, all of them."""
    if name:
        answer = here().template(name, revision)
        show(answer, json, lambda: out.print(answer["yaml"], markup=False))
        return
    rows = here().templates()

    def say() -> None:
        for row in rows:
            published = f"revision {row['published']}" if row["published"] else "a draft"
            out.print(f"{row['name']:<24} {row['persona'] or '':<16} {published:<12} [dim]{escape(row['title'])}[/]")

    show(rows, json, say)


@template_app.command("keep")
def template_keep(file: Annotated[Path, typer.Argument(help="A template document.")], json: AsJson = False) -> None:
    """Store a template as a draft, to try it before its champion publishes it."""
    kept = here().keep_template(read(file))
    show(kept, json, lambda: out.print(f"{words.sign('succeeded')} {draft(kept)}"))


def draft(kept: Json) -> str:
    name = kept["template"]
    return f"{name} {kept['number']} is kept as a draft. Try it: desirepath run start {name}"


@template_app.command("publish")
def template_publish(
    what: Annotated[str, typer.Argument(help="A file, which is kept first, or a template's name.")],
    revision: Annotated[int | None, typer.Option()] = None,
    json: AsJson = False,
) -> None:
    """Let a template be what new runs take. Needs the champion of its persona."""
    client, file = here(), Path(what)
    if not (file.suffix in (".yaml", ".yml") or file.exists()):
        answer = client.publish(what, revision)
    else:
        kept = client.keep_template(read(file))
        try:
            answer = client.publish(kept["template"], kept["number"])
        except ApiError as error:
            raise ApiError(f"{error} {draft(kept)}", error.status) from error
    done = words.sign("succeeded")
    show(answer, json, lambda: out.print(f"{done} {answer['template']} {answer['number']} is published"))
