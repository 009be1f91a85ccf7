"""`manage.py up`: the embedded default in the foreground."""

from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from server import starters
from server.installation.embedded import CannotStart, Embedded


class Command(BaseCommand):
    help = "Run web and engine until Ctrl-C. What they serve goes on; `manage.py stop` ends that too."

    requires_system_checks = ("environment",)  # they load every page of the site, which is the web process's to do

    def handle(self, *args: Any, **options: Any) -> None:
        embedded = Embedded(settings.DESIREPATH_HOME)
        try:
            embedded.take_lock()
            call_command("migrate", verbosity=0)
            starters.bring()
            with embedded:
                self.stdout.write(f"Desirepath answers at {embedded.url} (Ctrl-C ends it; what it serves goes on)")
                embedded.serve()
        except CannotStart as error:
            raise CommandError(str(error)) from error
