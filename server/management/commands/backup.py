"""`manage.py backup FILE.tar`: all that must not be lost, while everything goes on."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection

from engine.artefacts.store import human
from server.installation.backup import BackupError, backup


class Command(BaseCommand):
    help = "Write database, files, keys and what runs here into one file. Keep it as safe as the home: it has the keys."
    requires_system_checks = ("environment",)

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)

    def handle(self, *args: Any, **options: Any) -> None:
        home, file, sqlite = settings.DESIREPATH_HOME, options["file"].resolve(), connection.vendor == "sqlite"
        try:
            size = backup(home, file, self.stdout.write, sqlite=sqlite)
        except BackupError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(
            f"{file} has all of it, {human(size)}. To get it back: manage.py recover {file.name} --into HOME"
        )
        if not sqlite:
            self.stdout.write(
                "The database is PostgreSQL and is not in it: save it with pg_dump --format=custom, and do that before "
                "this command, so that no row names a file that is not here."
            )
