"""`manage.py walk`: what `make run` does after set-up. RUN_ONCE=1 ends everything at the end."""

import os
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from rich.console import Console

from server import starters
from server.embedded import CannotStart, Embedded
from server.walk import Walk, client_for


class Command(BaseCommand):
    help = "Walk the thread on the example, from evidence to an answer, then serve the pages."

    def handle(self, *args: Any, **options: Any) -> None:
        once = os.environ.get("RUN_ONCE") == "1"
        embedded = Embedded(settings.DESIREPATH_HOME)
        try:
            embedded.take_lock()
            self._prepare()
            try:
                with embedded:
                    self._walk(Walk(Console(soft_wrap=True, highlight=False), embedded))
                    if not once:
                        self.stdout.write("\nServing until Ctrl-C; the endpoint goes on after that, until `make stop`.")
                        embedded.serve()
            finally:
                if once:
                    embedded.target.shutdown()
        except (CannotStart, RuntimeError) as error:
            raise CommandError(str(error)) from error

    def _prepare(self) -> None:
        call_command("migrate", verbosity=0)
        starters.bring()

    def _walk(self, walk: Walk) -> None:
        assert walk.embedded
        with walk.chapter(1, "Evidence: what researchers saw"):
            study = walk.load()
        mira = client_for(walk.people["mira"], walk.embedded.url)
        ines = client_for(walk.people["ines"], walk.embedded.url)
        with walk.chapter(2, "Journey: how it is done now, found in the cases"):
            journey = walk.draft(study)
        with walk.chapter(3, "Template: the champion's ideal map, derived"):
            ideal, revision = walk.derive(journey)
        with walk.chapter(4, "Run: the template, tried on real work before anything is built for it"):
            files = walk.train()
            walk.first_live(mira, files)
            run = walk.prototype(mira, ines, revision, files)
        with walk.chapter(5, "Outcome: signed off, published, done"):
            deployment = walk.publish(ideal, revision, ines)
        with walk.chapter(6, "What you have now"):
            walk.finish(deployment, run, mira)
