"""docs/apps.md: the folder it shows is one that can be pushed, and the commands it names exist."""

from __future__ import annotations

import re
from pathlib import Path

import typer.main

from desirepath import cli
from engine.artefacts.app_folder import Wanted, parse

TEXT = (Path(__file__).resolve().parents[3] / "docs" / "apps.md").read_text()


def test_the_folder_it_shows_is_read_as_it_says() -> None:
    procfile, python, requirements, described = re.findall(r"```\w*\n(.*?)```", TEXT, re.DOTALL)
    names = ("Procfile", ".python-version", "requirements.txt", "app.json")
    app = parse(dict(zip(names, (part.encode() for part in (procfile, python, requirements, described)), strict=True)))
    assert sorted(app.processes) == ["web", "worker"]
    assert (app.release, app.python, app.test) == ("python -m shop.prepare", "3.11", "python -m unittest")
    assert list(app.requirements) == ["flask==3.1.2", "gunicorn"]
    assert app.env["BANK_KEY"] == Wanted(about="of the bank, ask Noor")
    assert app.env["SECRET_KEY"].generated
    assert app.count("web", {}) == 2


def test_every_command_it_names_is_there_with_its_options() -> None:
    group = typer.main.get_command(cli.app)
    commands = dict(group.commands)  # type: ignore[attr-defined]
    for line in re.findall(r"`desirepath ([^`]+)`", TEXT):
        verb, *words = line.split()
        command = commands[verb]
        if hasattr(command, "commands"):
            command = command.commands[words.pop(0)]
        options = {option for parameter in command.params for option in parameter.opts}
        own = words[: words.index("--")] if "--" in words else words
        assert {word for word in own if word.startswith("-")} <= options, line
