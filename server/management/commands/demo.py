"""`manage.py demo`: what `make run` does after set-up. RUN_ONCE=1 ends everything at the end."""

from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from rich.console import Console

from server import example, starters
from server.demo.app import AppWalk
from server.demo.ending import say_goodbye
from server.demo.model import ModelWalk
from server.demo.telling import Telling
from server.installation.embedded import CannotStart, Embedded
from server.installation.environment import RUN_ONCE


class Command(BaseCommand):
    help = "Walk the thread on the example, from evidence to an answer, then serve the pages."

    def handle(self, *args: Any, **options: Any) -> None:
        once = RUN_ONCE.value()
        embedded = Embedded(settings.DESIREPATH_HOME)
        try:
            embedded.take_lock()
            self._prepare()
            try:
                with embedded:
                    self._walk(Telling(Console(soft_wrap=True, highlight=False)), embedded)
                    if not once:
                        self.stdout.write("\nServing until Ctrl-C; what is live goes on after that, until `make stop`.")
                        embedded.serve()
            finally:
                if once:
                    embedded.target.shutdown()
        except (CannotStart, RuntimeError) as error:
            raise CommandError(str(error)) from error

    def _prepare(self) -> None:
        call_command("migrate", verbosity=0)
        starters.bring()

    def _walk(self, telling: Telling, embedded: Embedded) -> None:
        people = example.people()
        models = ModelWalk(telling, embedded, people)
        models.walk()
        AppWalk(telling, embedded, people).walk()
        say_goodbye(telling, models)
