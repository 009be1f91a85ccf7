"""Participants: a pseudonym each, and their consent."""

import secrets
from datetime import datetime
from typing import TYPE_CHECKING, Self

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F, OuterRef, Q, Subquery
from django.urls import reverse
from django.utils import timezone

from research.models.removable import Kept, Removable
from research.models.study import Study

if TYPE_CHECKING:
    from people.models import User


class ParticipantQuerySet(models.QuerySet["Participant"]):
    def visible_to(self, user: "User") -> Self:
        return self.filter(study__in=Study.objects.visible_to(user))

    def consenting(self) -> Self:
        """Those whose latest consent is in force. What was seen of others is left out of every count."""
        latest = Consent.objects.filter(participant=OuterRef("pk")).order_by("-given_at", "-pk").values("pk")[:1]
        in_force = Q(consents__expires_at=None) | Q(consents__expires_at__gt=timezone.now())
        return self.annotate(latest=Subquery(latest)).filter(
            in_force, consents__pk=F("latest"), consents__withdrawn_at=None, consents__notes=True
        )


KeptParticipants = Kept.from_queryset(ParticipantQuerySet)


class Participant(Removable):
    study = models.ForeignKey(Study, on_delete=models.CASCADE, related_name="participants")
    number = models.PositiveIntegerField(editable=False)
    persona = models.ForeignKey("people.Persona", on_delete=models.PROTECT, related_name="participants")
    about = models.TextField(
        "Context", blank=True, help_text="What matters for the work, nothing that gives them away."
    )
    made_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = KeptParticipants()
    everything = models.Manager.from_queryset(ParticipantQuerySet)()

    class Meta:
        ordering = ["number"]
        constraints = [models.UniqueConstraint(fields=["study", "number"], name="one_pseudonym_per_study")]

    def __str__(self) -> str:
        return self.pseudonym

    @property
    def pseudonym(self) -> str:
        return f"P{self.number}"

    def get_absolute_url(self) -> str:
        return reverse("participant", args=[self.study.slug, self.number])

    @property
    def consent(self) -> "Consent | None":
        """The latest one decides; .all() so that a prefetch is used."""
        return next(iter(self.consents.all()), None)


class Audience(models.TextChoices):
    RESEARCHERS = "researchers", "Only the researchers"
    TEAM = "team", "The study's team"
    COMPANY = "company", "Everybody in the company"


def consent_token() -> str:
    return secrets.token_urlsafe(24)


class ConsentQuerySet(models.QuerySet["Consent"]):
    def visible_to(self, user: "User") -> Self:
        return self.filter(participant__in=Participant.objects.visible_to(user))


class Consent(models.Model):
    """What a participant agreed to. A new agreement is a new row; a row is only ever withdrawn."""

    participant = models.ForeignKey(Participant, on_delete=models.CASCADE, related_name="consents")
    token = models.CharField(max_length=64, unique=True, default=consent_token, editable=False)
    notes = models.BooleanField("Notes of what I do", default=True)
    quotes = models.BooleanField("My words as quotes", default=False)
    recording = models.BooleanField("A recording", default=False)
    audience = models.CharField("Who may read it", max_length=12, choices=Audience.choices, default=Audience.TEAM)
    given_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField("Until", null=True, blank=True)
    withdrawn_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = ConsentQuerySet.as_manager()

    class Meta:
        ordering = ["-given_at", "-pk"]

    def __str__(self) -> str:
        return f"{self.participant}: {', '.join(self.scope) or 'nothing'}"

    def get_absolute_url(self) -> str:
        return reverse("consent", args=[self.token])

    def clean(self) -> None:
        if self.expires_at and self.given_at and self.expires_at <= self.given_at:
            raise ValidationError({"expires_at": "A consent cannot end before it is given."})

    @property
    def scope(self) -> list[str]:
        return [name for name in ("notes", "quotes", "recording") if getattr(self, name)]

    @property
    def state(self) -> str:
        """`in force`, `withdrawn` or `expired`."""
        if self.withdrawn_at:
            return "withdrawn"
        return "expired" if self.expires_at and self.expires_at <= timezone.now() else "in force"

    def withdraw(self, at: datetime | None = None) -> None:
        """From now on nothing this person did or said is shown or counted; asking twice changes nothing."""
        if self.withdrawn_at is None:
            self.withdrawn_at = at or timezone.now()
            self.save(update_fields=["withdrawn_at"])
