"""One piece of work followed from start to end, perhaps over several sessions."""

from typing import TYPE_CHECKING, Self

from django.db import models
from django.urls import reverse
from django.utils import timezone

from research.models.removable import Kept, Removable
from research.models.study import Study

if TYPE_CHECKING:
    from people.models import User


class CaseQuerySet(models.QuerySet["Case"]):
    def visible_to(self, user: "User") -> Self:
        return self.filter(study__in=Study.objects.visible_to(user))


KeptCases = Kept.from_queryset(CaseQuerySet)


class Case(Removable):
    study = models.ForeignKey(Study, on_delete=models.CASCADE, related_name="cases")
    title = models.CharField(max_length=160, help_text="The work, not the person: “churn model to production”.")
    outcome = models.CharField("How it ended", max_length=200, blank=True)
    made_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = KeptCases()
    everything = models.Manager.from_queryset(CaseQuerySet)()

    class Meta:
        ordering = ["-made_at"]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("case", args=[self.pk])
