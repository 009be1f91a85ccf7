"""Whom we build for: a persona, what counts as done for them, the words they use, and who speaks for them."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import yaml
from django.conf import settings
from django.db import models

from people.keys import KeyField

if TYPE_CHECKING:
    from people.models.user import User

PACKS = Path(__file__).resolve().parent.parent / "words"


@cache
def pack(name: str) -> dict[str, Any]:
    """One persona as it is shipped: `people/words/NAME.yaml`."""
    read: dict[str, Any] = yaml.safe_load((PACKS / f"{name}.yaml").read_text())
    return read


def plain_words() -> dict[str, str]:
    """The words for somebody without a persona; every pack must have these keys."""
    return dict(pack("plain")["words"])


def shipped() -> list[str]:
    """The slugs of the personas that come with Desirepath."""
    return sorted(file.stem for file in PACKS.glob("*.yaml") if file.stem != "plain")


def up_to_date(words: Mapping[str, str], now: Mapping[str, str], before: Mapping[str, list[str]]) -> dict[str, str]:
    """A persona's words, with new ones added and each word that was shipped `before` replaced by today's."""
    stale = {key: word for key, word in now.items() if key not in words or words[key] in before.get(key, [])}
    return {**words, **stale}


class PersonaQuerySet(models.QuerySet["Persona"]):
    def visible_to(self, user: "User") -> Self:
        return self.all() if user.is_authenticated else self.none()

    def bring(self) -> None:
        """Make the personas that are shipped and are not there yet; bring the words nobody has edited up to date."""
        for slug in shipped():
            shipped_as = pack(slug)
            made = {key: shipped_as[key] for key in ("name", "plural", "incentives", "done", "words")}
            persona, _ = self.get_or_create(slug=slug, defaults=made)
            words = up_to_date(persona.words, shipped_as["words"], shipped_as.get("before", {}))
            if words != persona.words:
                self.filter(pk=persona.pk).update(words=words)


class Persona(models.Model):
    """Everybody's: personas belong to no team."""

    slug = KeyField(max_length=40, unique=True)
    name = models.CharField(max_length=80)  # "ML engineer"
    plural = models.CharField(max_length=80)  # "ML engineers"
    incentives = models.TextField(blank=True)  # what they are rewarded for
    done = models.TextField("Definition of done", blank=True)  # one criterion a line
    words = models.JSONField(default=dict, blank=True)

    objects = PersonaQuerySet.as_manager()

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    def says(self) -> dict[str, str]:
        """This persona's words, with the plain one for what their pack does not name."""
        return {**plain_words(), **self.words}

    @property
    def done_criteria(self) -> list[str]:
        return [line.strip() for line in self.done.splitlines() if line.strip()]


class PersonaChampion(models.Model):
    """The person who speaks for a persona: signs maps off and publishes templates."""

    persona = models.ForeignKey(Persona, on_delete=models.CASCADE, related_name="champions")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="championed")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["persona", "user"], name="one_champion_per_persona")]

    def __str__(self) -> str:
        return f"{self.user} for {self.persona.plural}"
