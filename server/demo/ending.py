"""The end of the demo: where the pages are, and how to sign in."""

from __future__ import annotations

import time

from desirepath import connection, words
from server import example
from server.demo.telling import Telling
from server.demo.thread import Walkthrough


def say_goodbye(telling: Telling, thread: Walkthrough) -> None:
    """Leaves this terminal signed in as the engineer of that thread."""
    kept = connection.keep(thread.embedded.url, thread.engineer.place.token)
    telling.say()
    telling.say(f"The pages: [bold]{thread.embedded.url}[/]")
    telling.say(f"Sign in as {_people()}; password [bold]{example.password()}[/]")
    telling.say(f"This terminal is signed in as {thread.works} ({kept}); try [bold].venv/bin/desirepath ls[/]")
    telling.out.print(f"\n[dim]The whole walk took {words.duration(time.monotonic() - telling.began)}.[/]")


def _people() -> str:
    """Everybody by what they are there for: "mira or teun (engineers), …"."""
    people: dict[str, list[str]] = {}
    for username, (_, _, roles) in example.PEOPLE.items():
        people.setdefault(roles[0], []).append(username)
    of_each = [f"{' or '.join(names)} ({role}{'s' if len(names) > 1 else ''})" for role, names in people.items()]
    return f"{', '.join(of_each[:-1])} or {of_each[-1]}"
