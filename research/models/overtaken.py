"""The error of a change to a row that somebody else has changed meanwhile."""

from django.db import models


class Overtaken(ValueError):
    """Somebody else changed it since it was read; `now` is what it is now."""

    def __init__(self, now: models.Model) -> None:
        super().__init__("somebody else changed this meanwhile")
        self.now = now
