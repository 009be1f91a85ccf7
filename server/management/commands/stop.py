"""`manage.py stop`: end web, engine and everything they serve."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from server.installation import embedded


class Command(BaseCommand):
    help = "End web, engine and every workload of this home."

    def handle(self, *args: Any, **options: Any) -> None:
        ended = embedded.stop(settings.DESIREPATH_HOME)
        self.stdout.write(f"Ended: {', '.join(ended)}.")
