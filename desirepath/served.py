"""Following a run in the terminal until what it releases answers: what `serve`, `push` and `config set` share."""

from __future__ import annotations

import time
from collections.abc import Callable

import typer
from rich.markup import escape

from desirepath import words
from desirepath.client import Json, OnEvent, Served
from desirepath.terminal import here, out, show


def follow_to_answer(begin: Callable[[OnEvent | None], Served], as_json: bool) -> None:
    """Begin it, tell each event, say what came of it; exits with 1 when it does not answer."""
    served = begin(None if as_json else _tell)
    deployment = _judged(served.deployment) if served.answers else served.deployment
    answer = {"run": served.run, "deployment": deployment, "release": served.release}
    show(answer, as_json, lambda: _say_served(served.run, deployment, served.release))
    if not served.answers:
        raise typer.Exit(1)


def _judged(deployment: Json | None) -> Json | None:
    """Its criteria are looked at right after it answers: give them a moment, a longer one where the engine is busy."""
    deadline = time.monotonic() + 10
    while deployment and deployment["state"] == "new" and time.monotonic() < deadline:
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
        out.print("[dim]Fix it and repeat the command. If the cause was temporary, resume the run:[/]")
        out.print(f"[dim]  desirepath run resume {run['id']}[/]")
        return
    out.print(f"\n[bold]{deployment['name']} {release}[/] at {deployment['address']}")
    if deployment["call"]:
        out.print(f"  {deployment['call']}", markup=False)
    out.print(words.standing(run, deployment))
