"""What was seen or said, to the millisecond, in the words of a shared vocabulary."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Self
from uuid import UUID

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.db.models import F, Q
from django.urls import reverse
from django.utils import timezone
from django.utils.text import slugify
from simple_history.models import HistoricalRecords

from lib import names
from people.ids import uuid7
from people.keys import KeyField
from research.models.case import Case
from research.models.overtaken import Overtaken
from research.models.participant import Participant
from research.models.removable import Kept, Removable
from research.models.session import Session
from research.models.study import Study

if TYPE_CHECKING:
    from people.models import Persona, User


class ActivityQuerySet(models.QuerySet["Activity"]):
    def visible_to(self, user: "User") -> Self:
        return self.all() if user.is_authenticated else self.none()

    def named(self, persona: "Persona", name: str) -> "Activity":
        """The activity of that name; a new name becomes a new activity, so that logging never stops to ask."""
        name = " ".join(name.split())[:80]
        key = names.key(name, 80)
        if not key:
            raise ValidationError(f"“{name}” cannot name an activity: it needs a letter or a digit.")
        if before := self._keyed_before(persona, name, key):
            return before
        last = self.filter(persona=persona).aggregate(last=models.Max("position"))["last"] or 0
        return self.get_or_create(persona=persona, key=key, defaults={"name": name, "position": last + 1})[0]

    def _keyed_before(self, persona: "Persona", name: str, key: str) -> "Activity | None":
        """The activity whose key was made by `slugify`, which left letters of other scripts out: “Café” was cafe."""
        if (older := slugify(name)[:80]) in ("", key):
            return None
        activity = self.filter(persona=persona, key=older).first()
        return activity if activity and names.key(activity.name, 80) == key else None


class Activity(models.Model):
    """What people of a persona do, in one word that everybody uses for it."""

    persona = models.ForeignKey("people.Persona", on_delete=models.CASCADE, related_name="activities")
    key = KeyField(max_length=80)
    name = models.CharField(max_length=80)
    position = models.PositiveIntegerField(default=0)  # the first eight are on F1 to F8

    objects = ActivityQuerySet.as_manager()

    class Meta:
        ordering = ["position", "pk"]
        verbose_name_plural = "activities"
        constraints = [models.UniqueConstraint(fields=["persona", "key"], name="one_activity_per_key")]

    def __str__(self) -> str:
        return self.name

    def merge_into(self, other: "Activity") -> None:
        """Two words for the same thing become one; what was logged under this one moves."""
        if other.persona_id != self.persona_id or other.pk == self.pk:
            raise ValidationError("Only two activities of the same persona can become one.")
        with transaction.atomic():
            moved = {"activity": other, "revision": F("revision") + 1, "changed_at": timezone.now()}
            Observation.everything.filter(activity=self).update(**moved)
            self.delete()
            other.save(update_fields=["name"])  # an update sends no signal; this one has the search read them again


class Kind(models.TextChoices):
    DOES = "does", "Does"
    SAYS = "says", "Says"
    WAITS = "waits", "Waits"
    REWORK = "rework", "Rework"  # does something again that was thought done
    PAIN = "pain", "Pain"
    NOTE = "note", "Note"  # the researcher's own thought


class Source(models.TextChoices):
    SEEN = "seen", "Seen"
    SAID = "said", "Said"


class ObservationQuerySet(models.QuerySet["Observation"]):
    def visible_to(self, user: "User") -> Self:
        return self.filter(session__in=Session.objects.visible_to(user))

    def of_study(self, study: Study) -> Self:
        return self.filter(session__study=study)

    def of_persona(self, persona: "Persona", *, example: bool = False) -> Self:
        """All that was seen of this persona; the example counts only where somebody asks for it."""
        observations = self.filter(participant__persona=persona)
        return observations if example else observations.filter(session__study__example=False)

    def usable(self) -> Self:
        """What may be counted: nothing around it was removed and its participant's consent is in force."""
        return self.filter(
            session__removed_at=None,
            session__study__removed_at=None,
            participant__in=Participant.objects.consenting().values("pk"),
        )

    def for_reading(self) -> Self:
        """With all that `Reading` looks at, in a handful of queries."""
        return self.select_related(
            "activity", "case", "participant__persona", "participant__study", "session__study"
        ).prefetch_related("participant__consents")


KeptObservations = Kept.from_queryset(ObservationQuerySet)


class Observation(Removable):
    """A moment, or an interval when it has an `until`. Its name is made by whoever logged it, the browser too."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    session = models.ForeignKey(Session, on_delete=models.CASCADE, related_name="observations")
    participant = models.ForeignKey(Participant, on_delete=models.CASCADE, related_name="observations")
    case = models.ForeignKey(Case, null=True, blank=True, on_delete=models.SET_NULL, related_name="observations")
    activity = models.ForeignKey(Activity, null=True, blank=True, on_delete=models.PROTECT, related_name="observations")
    observer = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    at = models.PositiveBigIntegerField("From")  # milliseconds after the session began
    until = models.PositiveBigIntegerField("To", null=True, blank=True)
    going = models.BooleanField(default=False, editable=False)  # an interval that has not ended yet
    kind = models.CharField(max_length=8, choices=Kind.choices, default=Kind.DOES)
    source = models.CharField(max_length=4, choices=Source.choices, default=Source.SEEN)
    text = models.TextField(blank=True, max_length=10_000)
    quote = models.BooleanField("These are their words", default=False)
    marked = models.BooleanField(default=False)
    paraphrase = models.TextField(blank=True, max_length=2_000)
    released_at = models.DateTimeField(null=True, blank=True, editable=False)  # when the paraphrase was let out
    revision = models.PositiveIntegerField(
        default=1, editable=False
    )  # the higher one wins, in whatever order they come
    made_at = models.DateTimeField(default=timezone.now, editable=False)
    changed_at = models.DateTimeField(auto_now=True)  # by the server's clock: what other devices have not seen yet

    history = HistoricalRecords(excluded_fields=["made_at", "changed_at"])
    objects = KeptObservations()
    everything = models.Manager.from_queryset(ObservationQuerySet)()

    class Meta:
        ordering = ["at", "id"]
        indexes = [models.Index(fields=["session", "at"], name="observation_in_order")]
        constraints = [
            models.CheckConstraint(
                name="observation_ends_after_it_starts",
                condition=Q(until=None) | Q(until__gte=F("at")),
                violation_error_message="What was seen cannot end before it starts.",
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} in session {self.session_id}"

    def clean(self) -> None:
        if self.until is not None and self.at is not None and self.until < self.at:
            raise ValidationError({"until": "What was seen cannot end before it starts."})
        if self.kind == Kind.SAYS:
            self.source = Source.SAID

    def get_absolute_url(self) -> str:
        return f"{reverse('session', args=[self.session_id])}#o-{self.pk}"

    @property
    def study(self) -> Study:
        return self.session.study

    @property
    def lasts(self) -> int | None:
        return None if self.until is None else self.until - self.at

    @property
    def when(self) -> datetime | None:
        """The wall-clock time of the observation; None before its session began."""
        began = self.session.started_at
        return began + timedelta(milliseconds=self.at) if began else None

    def take_turn(self) -> None:
        """Read it again, in a transaction: nobody else changes it until that ends. Raises DoesNotExist."""
        Session.everything.locked(self.session_id)
        self.refresh_from_db()

    def change(self, over: int | None = None, **fields: Any) -> None:
        """Change it here, and nothing else of it, so that what an old device still sends cannot overwrite it.

        `over` is the revision that the change was made from: raises Overtaken when that is not what is here.
        """
        with transaction.atomic():
            Session.everything.locked(self.session_id)
            now = Observation.everything.get(pk=self.pk)
            if over is not None and now.revision != over:
                raise Overtaken(now)
            self.refresh_from_db()
            for name, value in fields.items():
                setattr(self, name, value)
            self.revision += 1
            self.full_clean(exclude=["session", "participant", "observer"])
            self.save()

    def release(self, paraphrase: str) -> None:
        """Let others read it in the researcher's words; an empty paraphrase takes it back."""
        self.change(paraphrase=paraphrase.strip(), released_at=timezone.now() if paraphrase.strip() else None)

    def mark_removed(self, at: datetime | None) -> None:
        with transaction.atomic():
            self.take_turn()
            self.removed_at = at
            self.revision += 1
            self.save(update_fields=["removed_at", "revision", "changed_at"])

    @classmethod
    def of_id(cls, pk: UUID) -> "Observation | None":
        """Also one that was removed: its name is never used again."""
        return cls.everything.filter(pk=pk).first()
