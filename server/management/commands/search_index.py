"""`manage.py search_index`: write the search index again."""

from typing import Any

from django.core.management.base import BaseCommand

from server.search.index import rebuild


class Command(BaseCommand):
    help = "Write the search index again from every row. Nothing else is changed."

    def handle(self, *args: Any, **options: Any) -> None:
        count = rebuild()
        if options["verbosity"]:
            self.stdout.write(f"{count:,} entries.")
