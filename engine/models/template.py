"""Workflow templates: a name and its immutable revisions."""

from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Self

from django.conf import settings
from django.db import models, transaction
from django.utils import timezone

from engine.definition import document as documents
from engine.definition.document import template_of
from people.keys import KeyField
from people.models import Persona

if TYPE_CHECKING:
    from people.models import User


@lru_cache(maxsize=256)
def _parsed(digest: str, pk: int) -> documents.Template:
    return template_of(Revision.objects.values_list("document", flat=True).get(pk=pk), lookup)


@lru_cache(maxsize=256)
def pinned(pk: int) -> "Revision":
    """The revision of a run, without its document. Kept for the process: only its publication ever changes."""
    return Revision.objects.defer("document").get(pk=pk)


def lookup(name: str, digest: str = "") -> documents.Template | None:
    """The template that another one uses: what is published under this name now, or that very revision."""
    named = Revision.objects.filter(template__name=name)
    if digest:
        revision = named.filter(digest=digest).first()
    else:
        revision = named.filter(published_at__isnull=False).order_by("-published_at").first()
    return revision.parsed if revision else None


class TemplateQuerySet(models.QuerySet["Template"]):
    def visible_to(self, user: "User") -> Self:
        return self.all()

    def keep(self, document: documents.Template, user: "User | None", note: str = "") -> "Revision":
        """Store a checked document as a revision of the template it names; the same document twice is one revision."""
        persona = Persona.objects.filter(slug=document.persona).first()
        with transaction.atomic():
            template, _ = self.get_or_create(name=document.name, defaults={"title": document.title, "persona": persona})
            last = template.revisions.order_by("-number").first()
            revision, made = template.revisions.get_or_create(
                digest=document.digest,
                defaults={
                    "number": last.number + 1 if last else 1,
                    "document": document.document,
                    "title": document.title,
                    "made_by": user,
                    "note": note,
                },
            )
            if made:
                self.filter(pk=template.pk).update(title=document.title, persona=persona)
        return revision


class Template(models.Model):
    name = KeyField(max_length=63, unique=True)
    title = models.CharField(max_length=200)
    persona = models.ForeignKey(Persona, null=True, blank=True, on_delete=models.PROTECT, related_name="templates")
    starter = models.BooleanField(default=False)  # shipped with Desirepath
    example = models.BooleanField(default=False)
    made_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = TemplateQuerySet.as_manager()

    class Meta:
        ordering = ["persona__name", "name"]

    def __str__(self) -> str:
        return self.name

    @property
    def published(self) -> "Revision | None":
        """The revision new runs take: the one published last."""
        return self.revisions.filter(published_at__isnull=False).order_by("-published_at").first()

    @property
    def latest(self) -> "Revision":
        return self.revisions.latest("number")


class RevisionQuerySet(models.QuerySet["Revision"]):
    def visible_to(self, user: "User") -> Self:
        return self.all()

    def published_for(self, persona: Persona | None, taking: Iterable[str] = ()) -> "Revision | None":
        """What `serve`, `push` and `pipeline run` start: the template published last for the persona.

        When that does not take these inputs (an ML engineer pushes an app), the last published one that does.
        """
        published = self.filter(published_at__isnull=False).order_by("-published_at")
        mine = published.filter(template__persona=persona).first()
        if mine is not None and mine.takes(taking):
            return mine
        return next((revision for revision in published[:50] if taking and revision.takes(taking)), mine)


class Revision(models.Model):
    """One document, for ever. Runs pin it; publishing only marks it."""

    template = models.ForeignKey(Template, on_delete=models.CASCADE, related_name="revisions")
    number = models.PositiveIntegerField()
    digest = models.CharField(max_length=64)
    document = models.JSONField()
    title = models.CharField(max_length=200)
    note = models.CharField(max_length=300, blank=True)
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    made_at = models.DateTimeField(default=timezone.now, editable=False)
    published_at = models.DateTimeField(null=True, blank=True)
    published_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")

    objects = RevisionQuerySet.as_manager()

    class Meta:
        ordering = ["template", "-number"]
        constraints = [
            models.UniqueConstraint(fields=["template", "number"], name="one_revision_per_number"),
            models.UniqueConstraint(fields=["template", "digest"], name="one_revision_per_digest"),
        ]

    def __str__(self) -> str:
        return f"{self.template.name} {self.number}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if self.pk and set(kwargs.get("update_fields") or ["document"]) - {"published_at", "published_by"}:
            raise TypeError("a revision is immutable; store the changed document as a new one")
        super().save(*args, **kwargs)

    @property
    def persona_id(self) -> int | None:
        """Whose champion publishes it."""
        return self.template.persona_id

    def takes(self, inputs: Iterable[str]) -> bool:
        """Whether all of these are inputs of it."""
        return set(inputs) <= set(self.parsed.inputs)

    @property
    def parsed(self) -> documents.Template:
        return _parsed(self.digest, self.pk)

    def publish(self, user: "User | None") -> None:
        """Make it the revision of new runs. The view checks `may(user, "publish", revision)` first."""
        self.published_at, self.published_by = timezone.now(), user
        self.save(update_fields=["published_at", "published_by"])
