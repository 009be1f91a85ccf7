"""Sessions: one time of watching or asking, its participants, and the state of its log."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Self

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.db.models import F, Q
from django.urls import reverse
from django.utils import timezone

from research.models.case import Case
from research.models.participant import Participant
from research.models.removable import Kept, Removable
from research.models.study import Study

if TYPE_CHECKING:
    from people.models import Persona, User


class SessionQuerySet(models.QuerySet["Session"]):
    def visible_to(self, user: "User") -> Self:
        return self.filter(study__in=Study.objects.visible_to(user))

    def planned(self) -> Self:
        return self.filter(started_at=None)

    def live(self) -> Self:
        return self.filter(started_at__isnull=False, ended_at=None)

    def unreviewed(self) -> Self:
        return self.filter(ended_at__isnull=False, reviewed_at=None)

    def locked(self, pk: int) -> "Session":
        """The session, locked until this transaction ends, so that its writers queue. Raises DoesNotExist."""
        return self.select_for_update(no_key=True).get(pk=pk)


KeptSessions = Kept.from_queryset(SessionQuerySet)


class Session(Removable):
    class Sort(models.TextChoices):
        SHADOWING = "shadowing", "Shadowing"
        INTERVIEW = "interview", "Interview"
        WORKSHOP = "workshop", "Mapping workshop"
        PROTOTYPE = "prototype", "Prototype test"

    study = models.ForeignKey(Study, on_delete=models.CASCADE, related_name="sessions")
    sort = models.CharField("Kind", max_length=12, choices=Sort.choices, default=Sort.SHADOWING)
    participants = models.ManyToManyField(Participant, blank=True, related_name="sessions")
    # The case that is being watched; an observation names its own, because one sitting can see several.
    case = models.ForeignKey(Case, null=True, blank=True, on_delete=models.SET_NULL, related_name="sessions")
    watcher = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="watched")
    planned_for = models.DateTimeField("Planned for", null=True, blank=True)
    started_at = models.DateTimeField("Began", null=True, blank=True)
    ended_at = models.DateTimeField("Ended", null=True, blank=True)
    reviewed_at = models.DateTimeField(null=True, blank=True, editable=False)
    about = models.TextField("Notes", blank=True)
    made_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = KeptSessions()
    everything = models.Manager.from_queryset(SessionQuerySet)()

    class Meta:
        ordering = [F("started_at").desc(nulls_first=True), "-pk"]
        constraints = [
            models.CheckConstraint(
                name="session_ends_after_it_starts",
                condition=Q(ended_at=None) | Q(started_at__isnull=False, ended_at__gte=F("started_at")),
                violation_error_message="A session cannot end before it begins. Check both times.",
            )
        ]

    def __str__(self) -> str:
        return f"Session {self.pk}"

    def clean(self) -> None:
        if self.ended_at and (self.started_at is None or self.ended_at < self.started_at):
            raise ValidationError({"ended_at": "A session cannot end before it begins. Check both times."})

    def get_absolute_url(self) -> str:
        return reverse("session" if self.ended_at else "session-live", args=[self.pk])

    @property
    def state(self) -> str:
        """`planned`, `live`, `unreviewed` or `reviewed`."""
        if self.started_at is None:
            return "planned"
        if self.ended_at is None:
            return "live"
        return "reviewed" if self.reviewed_at else "unreviewed"

    @property
    def heard(self) -> bool:
        """In an interview or a workshop people tell; otherwise one sees them."""
        return self.sort in (self.Sort.INTERVIEW, self.Sort.WORKSHOP)

    @property
    def persona(self) -> "Persona":
        """Whose vocabulary it is logged in."""
        first = self.participants.first()
        return first.persona if first else self.study.persona

    @property
    def length(self) -> int | None:
        """In milliseconds, while it lasts until now."""
        if self.started_at is None:
            return None
        return round(((self.ended_at or timezone.now()) - self.started_at).total_seconds() * 1000)

    def lacks_consent(self) -> list[Participant]:
        """Those who may not be watched now: consent comes first."""
        people = self.participants.prefetch_related("consents")
        return [person for person in people if person.consent is None or person.consent.state != "in force"]

    def begin(self, at: datetime | None = None) -> None:
        """Start the clock, once: a second press must not move what was logged already."""
        if not self.participants.exists():
            raise ValidationError("Say first whom you are watching.")
        if lacking := self.lacks_consent():
            names = ", ".join(person.pseudonym for person in lacking)
            raise ValidationError(
                f"{names} has not consented, or no longer does. Ask, and write the consent down first."
            )
        with transaction.atomic():
            self.started_at = Session.everything.locked(self.pk).started_at
            if self.started_at is None:
                self.started_at = at or timezone.now()
                self.save(update_fields=["started_at"])

    def stop(self, at: datetime | None = None) -> None:
        """Stop the clock, once, and close what was still going on. Nothing seen may lie after the end."""
        if self.started_at is None:
            raise ValidationError("This session has not begun, so it cannot stop.")
        with transaction.atomic():
            self.ended_at = Session.everything.locked(self.pk).ended_at
            if self.ended_at:
                return
            last = self.observations.aggregate(at=models.Max("at"), until=models.Max("until"))
            latest = max(last["at"] or 0, last["until"] or 0)
            wished = ((at or timezone.now()) - self.started_at).total_seconds() * 1000
            end = max(int(wished), latest, 0)
            # A new revision, so that a device that has it as still going on learns when it ended.
            closed = {"until": end, "going": False, "revision": F("revision") + 1, "changed_at": timezone.now()}
            self.observations.filter(going=True).update(**closed)
            self.ended_at = self.started_at + timedelta(milliseconds=end)
            self.save(update_fields=["ended_at"])

    def review(self) -> None:
        self.reviewed_at = timezone.now()
        self.save(update_fields=["reviewed_at"])
