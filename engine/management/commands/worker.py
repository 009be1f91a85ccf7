"""`manage.py worker`: the engine where one machine is outgrown; as many as you like on one PostgreSQL."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from engine.management.commands import run_until_told
from engine.workers.process import POLL, Engine

STOP_WITHIN = 30.0  # seconds


class Command(BaseCommand):
    help = "Run a worker: claim steps that are due and execute them. SIGTERM finishes the steps at hand, then ends."

    # The checks load every page of the site, a third of this process's memory; the tests do them.
    requires_system_checks = ("environment",)

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--threads", type=int, default=4, help="how many steps at once")
        parser.add_argument("--stop-within", type=float, default=STOP_WITHIN, help="seconds a step has to finish")

        parser.add_argument("--look-every", type=float, default=POLL, help="seconds, when no bell rings")

    def handle(self, *args: Any, **options: Any) -> None:
        engine = Engine(options["threads"], stop_within=options["stop_within"], poll=options["look_every"])
        self.stdout.write(f"Worker {engine.owner} takes {options['threads']} steps at once (Ctrl-C or SIGTERM ends it)")
        self.stdout.flush()
        run_until_told(engine)
