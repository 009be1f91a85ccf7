from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class PeopleConfig(AppConfig):
    name = "people"

    def ready(self) -> None:
        from people import rules  # noqa: F401 - says who may do what

        post_migrate.connect(bring_personas, sender=self)


def bring_personas(**_: Any) -> None:
    """The personas are there from the first start; edited ones are left alone."""
    from people.models import Persona

    Persona.objects.bring()
