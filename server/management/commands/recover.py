"""`manage.py recover FILE.tar [--into HOME]`: a home from a backup."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from server.installation.backup import BackupError, recover


class Command(BaseCommand):
    help = "Fill an empty home from a backup. Refuses one that is in use; checks every file first."
    requires_system_checks = ("environment",)

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--into", type=Path, default=None, help="the home; without it, DESIREPATH_HOME")

    def handle(self, *args: Any, **options: Any) -> None:
        home = (options["into"] or settings.DESIREPATH_HOME).expanduser().resolve()
        try:
            recovered = recover(options["file"].resolve(), home, self.stdout.write)
        except BackupError as error:
            raise CommandError(str(error)) from error
        if recovered["database"] != "sqlite":
            self.stdout.write("The database is PostgreSQL: bring it back with pg_restore before you start anything.")
        self.stdout.write(
            f"{home} is back. Start it: DESIREPATH_HOME={home} desirepath up\n"
            "Steps that were at work are taken up again; services answer when their environments are built."
        )
