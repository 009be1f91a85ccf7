"""A journey, its current and ideal map, and the steps on them with what each rests on."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Self

from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from engine.definition.document import from_document, with_leaf
from engine.definition.flow import Flow, Leaf, Node
from engine.models.template import lookup
from people.keys import KeyField
from people.models import Persona
from research.models import Insight, Observation, Study

if TYPE_CHECKING:
    from journeys.models.version import MapVersion
    from people.models import User
    from research.models.observation import ObservationQuerySet


class JourneyQuerySet(models.QuerySet["Journey"]):
    def visible_to(self, user: "User") -> Self:
        """A map is for everybody it is about: all who are signed in. Quotes in it are read through consent."""
        return self.filter(Q(study=None) | Q(study__removed_at=None)) if user.is_authenticated else self.none()

    def real(self) -> Self:
        return self.exclude(study__example=True)


class Journey(models.Model):
    """A job people of a persona get done, from what they start with to their own done."""

    persona = models.ForeignKey(Persona, on_delete=models.PROTECT, related_name="journeys")
    study = models.ForeignKey(Study, null=True, blank=True, on_delete=models.SET_NULL, related_name="journeys")
    slug = KeyField(max_length=63, unique=True)
    title = models.CharField(max_length=200)
    made_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = JourneyQuerySet.as_manager()

    class Meta:
        ordering = ["persona__name", "title"]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("journey", args=[self.slug])

    @property
    def example(self) -> bool:
        return bool(self.study and self.study.example)

    @property
    def current(self) -> "JourneyMap | None":
        return self.maps.filter(state=JourneyMap.State.CURRENT).first()

    @property
    def ideal(self) -> "JourneyMap | None":
        return self.maps.filter(state=JourneyMap.State.IDEAL).first()


class JourneyMap(models.Model):
    """How the job is done now, or how it should be. Its flow is the same tree that a template runs."""

    class State(models.TextChoices):
        CURRENT = "current", "Current"
        IDEAL = "ideal", "Ideal"

    journey = models.ForeignKey(Journey, on_delete=models.CASCADE, related_name="maps")
    state = models.CharField(max_length=8, choices=State.choices)
    flow = models.JSONField(default=list)  # the document form; leaf ids are the steps' keys
    inputs = models.JSONField(default=dict)  # of the template an ideal map derives
    done = models.JSONField(default=list)
    template = KeyField(max_length=63, blank=True)  # the name of that template
    changed_at = models.DateTimeField(default=timezone.now)

    objects = models.Manager()

    class Meta:
        ordering = ["journey", "state"]
        constraints = [models.UniqueConstraint(fields=["journey", "state"], name="one_map_per_state")]

    def __str__(self) -> str:
        return f"{self.journey} · {self.get_state_display().lower()}"

    @property
    def persona_id(self) -> int:
        """Whose champion edits and signs it."""
        return self.journey.persona_id

    @property
    def root(self) -> Node:
        return from_document(self.flow, lookup)

    @property
    def signed(self) -> "MapVersion | None":
        return self.versions.filter(signed_at__isnull=False).order_by("-number").first()

    def touched(self) -> None:
        """It is no longer what the last version says."""
        JourneyMap.objects.filter(pk=self.pk).update(changed_at=timezone.now())

    def newer_sessions(self) -> int:
        """Sessions of its study that began after it was signed off: its evidence has moved on."""
        signed = self.signed
        if signed is None or signed.signed_at is None or self.journey.study is None:
            return 0
        return self.journey.study.sessions.filter(started_at__gt=signed.signed_at).count()

    def tree(self) -> Flow:
        return Flow(self.root)

    def leaf(self, key: str) -> Leaf | None:
        """The leaf of the flow with this id; None where there is none."""
        tree = self.tree()
        return tree.leaf(key) if key in tree.leaf_paths else None

    def change_leaf(self, key: str, change: Callable[[Leaf], Leaf]) -> None:
        """Store the flow with one leaf changed. Raises KeyError where the flow has no such leaf of its own."""
        self.flow = with_leaf(self.flow, key, change, lookup)
        self.save(update_fields=["flow"])
        self.touched()


class Stage(models.Model):
    map = models.ForeignKey(JourneyMap, on_delete=models.CASCADE, related_name="stages")
    title = models.CharField(max_length=120)
    position = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["position", "pk"]

    def __str__(self) -> str:
        return self.title


class MapStep(models.Model):
    """One column of a map and one leaf of its flow, under the same key."""

    map = models.ForeignKey(JourneyMap, on_delete=models.CASCADE, related_name="steps")
    stage = models.ForeignKey(Stage, null=True, on_delete=models.SET_NULL, related_name="steps")
    key = KeyField(max_length=63)
    title = models.CharField(max_length=120)
    position = models.PositiveIntegerField(default=0)
    evidence = models.ManyToManyField(Observation, through="StepEvidence", related_name="map_steps")
    insights = models.ManyToManyField(Insight, related_name="map_steps", blank=True)

    class Meta:
        ordering = ["position", "pk"]
        constraints = [models.UniqueConstraint(fields=["map", "key"], name="one_step_per_key")]

    def __str__(self) -> str:
        return self.title

    def rest_on(self, observations: "models.QuerySet[Observation]") -> None:
        """Tie observations to this step; once each."""
        StepEvidence.objects.bulk_create(
            [StepEvidence(step=self, observation_id=pk) for pk in observations.values_list("pk", flat=True)],
            ignore_conflicts=True,
        )

    def evidence_rows(self) -> "ObservationQuerySet":
        """Its evidence as far as it still counts."""
        return Observation.objects.usable().filter(map_steps=self).distinct()

    def evidence_ids(self, most: int = 12) -> list[str]:
        """What its template leaf names: insights first, then what was said, then pains, then the rest."""
        ids = [str(uuid) for uuid in self.insights.order_by("pk").values_list("uuid", flat=True)]
        rank = {"says": 0, "pain": 1, "rework": 2, "waits": 3}
        rows = self.evidence_rows().values_list("kind", "at", "pk")
        return [*ids, *(str(pk) for _, _, pk in sorted(rows, key=lambda row: (rank.get(row[0], 4), row[1])))][:most]


class StepEvidence(models.Model):
    step = models.ForeignKey(MapStep, on_delete=models.CASCADE, related_name="links")
    observation = models.ForeignKey(Observation, on_delete=models.CASCADE, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["step", "observation"], name="step_evidence_once")]

    def __str__(self) -> str:
        return f"{self.step_id} rests on {self.observation_id}"
