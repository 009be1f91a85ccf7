"""`manage.py engine`: the embedded claim loop. Ends on Ctrl-C or SIGTERM; whatever it held is taken up again."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from engine.management.commands import run_until_told
from engine.workers.process import Engine


class Command(BaseCommand):
    help = "Run the engine: claim steps that are due and execute them, until told to stop."

    # The checks load every page of the site, a third of this process's memory; the tests do them.
    requires_system_checks = ("environment",)

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--threads", type=int, default=4, help="how many steps at once")

    def handle(self, *args: Any, **options: Any) -> None:
        run_until_told(Engine(options["threads"]))
