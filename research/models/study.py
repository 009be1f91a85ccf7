"""Studies: a question, its members with their roles, and its participants."""

from typing import TYPE_CHECKING, Self

from django.conf import settings
from django.db import models
from django.urls import reverse
from django.utils import timezone

from lib import names
from people.keys import KeyField
from research.models.removable import Kept, Removable

if TYPE_CHECKING:
    from people.models import User
    from research.models.participant import Participant

ENOUGH = 5  # with fewer participants a quote gives its speaker away


class StudyRole(models.TextChoices):
    LEAD = "lead", "Lead"  # also decides who is a member
    RESEARCHER = "researcher", "Researcher"  # watches, logs, and reads every word
    VIEWER = "viewer", "Viewer"  # reads what participants agreed to


RESEARCHERS = (StudyRole.LEAD, StudyRole.RESEARCHER)


class StudyQuerySet(models.QuerySet["Study"]):
    def visible_to(self, user: "User") -> Self:
        return self.filter(pk__in=StudyMember.objects.filter(user=user).values("study"))

    def watched_by(self, user: "User") -> Self:
        """The studies in which this person logs what they see."""
        return self.filter(pk__in=StudyMember.objects.filter(user=user, role__in=RESEARCHERS).values("study"))


KeptStudies = Kept.from_queryset(StudyQuerySet)


class Study(Removable):
    slug = KeyField(max_length=80, unique=True, editable=False)
    title = models.CharField(max_length=120)
    question = models.TextField("What do you want to learn?", blank=True)
    persona = models.ForeignKey("people.Persona", on_delete=models.PROTECT, related_name="studies")
    team = models.ForeignKey(
        "people.Team",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="studies",
        help_text="Who reads what a participant agreed to show “the team”.",
    )
    example = models.BooleanField(default=False, editable=False)  # shown with a badge, left out of every number
    made_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = KeptStudies()
    everything = models.Manager.from_queryset(StudyQuerySet)()

    class Meta:
        ordering = ["-made_at"]
        verbose_name_plural = "studies"

    def __str__(self) -> str:
        return self.title

    def save(self, *args: object, **kwargs: object) -> None:
        if not self.slug:
            self.slug = self.free_slug()
        super().save(*args, **kwargs)  # type: ignore[arg-type]

    def free_slug(self) -> str:
        """An address nobody has had: that of a removed study stays taken, because it may come back."""
        wish = names.key(self.title, 70) or "study"
        taken = set(Study.everything.filter(slug__startswith=wish).values_list("slug", flat=True))
        return next(slug for n in range(len(taken) + 2) if (slug := wish if n == 0 else f"{wish}-{n + 1}") not in taken)

    def get_absolute_url(self) -> str:
        return reverse("study", args=[self.slug])

    def add(self, user: "User", role: str) -> None:
        self.members.update_or_create(user=user, defaults={"role": role})

    def has(self, user: "User", *roles: str) -> bool:
        """Whether this person is in the study, in one of these roles if any are named."""
        mine = self.members.filter(user=user)
        return (mine.filter(role__in=roles) if roles else mine).exists()

    def new_participant(self, **fields: object) -> "Participant":
        """The next pseudonym. Numbers are never given twice, not even that of somebody who was removed."""
        from research.models.participant import Participant

        last = Participant.everything.filter(study=self).aggregate(last=models.Max("number"))["last"] or 0
        fields.setdefault("persona", self.persona)
        return Participant.objects.create(study=self, number=last + 1, **fields)

    @property
    def few(self) -> bool:
        """Too few took part for a quote to leave the researchers."""
        return self.participants.count() < ENOUGH


class StudyMember(models.Model):
    study = models.ForeignKey(Study, on_delete=models.CASCADE, related_name="members")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="studies")
    role = models.CharField(max_length=12, choices=StudyRole.choices, default=StudyRole.RESEARCHER)

    class Meta:
        ordering = ["user__username"]
        constraints = [models.UniqueConstraint(fields=["study", "user"], name="one_role_per_study")]

    def __str__(self) -> str:
        return f"{self.user} · {self.get_role_display()}"
