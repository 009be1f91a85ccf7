"""Something learned, with what it rests on."""

from typing import TYPE_CHECKING, Any, Self

from django.db import models, transaction
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from simple_history.models import HistoricalRecords

from people.ids import uuid7
from research.models.observation import Observation
from research.models.overtaken import Overtaken
from research.models.removable import Kept, Removable
from research.models.study import Study

if TYPE_CHECKING:
    from people.models import User


class InsightQuerySet(models.QuerySet["Insight"]):
    def visible_to(self, user: "User") -> Self:
        """The study's members, and whoever speaks for the persona; quotes in it are still read through consent."""
        mine = Q(study__in=Study.objects.visible_to(user))
        spoken_for = Q(persona__in=user.championed.values("persona"), study__removed_at=None)
        return self.filter(mine | spoken_for)


KeptInsights = Kept.from_queryset(InsightQuerySet)


class Insight(Removable):
    uuid = models.UUIDField(unique=True, default=uuid7, editable=False)
    study = models.ForeignKey(Study, on_delete=models.CASCADE, related_name="insights")
    persona = models.ForeignKey("people.Persona", on_delete=models.PROTECT, related_name="insights")
    title = models.CharField(max_length=200, help_text="One sentence somebody could disagree with.")
    text = models.TextField(blank=True)
    evidence = models.ManyToManyField(Observation, through="InsightEvidence", related_name="insights")
    made_at = models.DateTimeField(default=timezone.now, editable=False)
    changed_at = models.DateTimeField(auto_now=True)
    revision = models.PositiveIntegerField(default=1, editable=False)  # one more with each change of its words

    history = HistoricalRecords(excluded_fields=["changed_at", "revision"])
    objects = KeptInsights()
    everything = models.Manager.from_queryset(InsightQuerySet)()

    class Meta:
        ordering = ["-changed_at"]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("insight", args=[self.pk])

    def change(self, over: int, **fields: Any) -> None:
        """Change it where revision `over` is still what is here. Raises Overtaken otherwise."""
        with transaction.atomic():
            now = Insight.everything.select_for_update(no_key=True).get(pk=self.pk)
            if now.revision != over:
                raise Overtaken(now)
            self.refresh_from_db()
            for name, value in fields.items():
                setattr(self, name, value)
            self.revision += 1
            self.save()

    def rest_on(self, *observations: Observation) -> None:
        """Add evidence at the end; the same observation is never there twice."""
        last = self.links.aggregate(last=models.Max("order"))["last"] or 0
        for place, observation in enumerate(observations, start=last + 1):
            self.links.get_or_create(observation=observation, defaults={"order": place})

    def evidence_rows(self) -> models.QuerySet[Observation]:
        """Its evidence as far as it still counts, in the researcher's order."""
        return Observation.objects.usable().filter(in_insights__insight=self).order_by("in_insights__order")

    @property
    def people(self) -> int:
        return self.evidence_rows().order_by().values("participant").distinct().count()

    @property
    def observed(self) -> int:
        return self.evidence_rows().count()


class InsightEvidence(models.Model):
    insight = models.ForeignKey(Insight, on_delete=models.CASCADE, related_name="links")
    observation = models.ForeignKey(Observation, on_delete=models.CASCADE, related_name="in_insights")
    order = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["order", "pk"]
        constraints = [models.UniqueConstraint(fields=["insight", "observation"], name="evidence_once_per_insight")]

    def __str__(self) -> str:
        return f"{self.insight} rests on {self.observation}"
