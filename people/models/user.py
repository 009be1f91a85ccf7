"""A person who signs in."""

from django.contrib.auth.models import AbstractUser
from django.db import models


class User(AbstractUser):
    """Their persona decides the words they see; their memberships decide what exists for them."""

    persona = models.ForeignKey(
        "people.Persona", null=True, blank=True, on_delete=models.SET_NULL, related_name="people"
    )

    def __str__(self) -> str:
        return self.name

    @property
    def name(self) -> str:
        return self.first_name or self.username

    def roles(self) -> set[str]:
        """Every role this person has in any team."""
        return set(self.memberships.values_list("role", flat=True))

    def has_role(self, *roles: str) -> bool:
        return self.memberships.filter(role__in=roles).exists()

    def champions(self, persona_id: int | None) -> bool:
        """Whether this person speaks for that persona."""
        return persona_id is not None and self.championed.filter(persona=persona_id).exists()
