"""Derive the workflow template from an ideal map: every step with its evidence, and where it came from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from django.db import transaction

from engine.definition import document as documents
from engine.definition.document import Input, TemplateError, from_document
from engine.definition.flow import Leaf, Node, Sub, mapped
from engine.definition.yaml_text import Problem
from engine.models import Revision, Template
from engine.models.template import lookup
from engine.steps import catalogue
from journeys.models import JourneyMap, MapVersion, Origin

if TYPE_CHECKING:
    from people.models import User


@dataclass(frozen=True)
class DeriveTemplate:
    map: JourneyMap
    user: User | None

    def check(self) -> documents.Template:
        """The template it derives to, checked. Raises TemplateError: an unbound leaf, a setting that does not fit."""
        steps = {step.key: step.evidence_ids() for step in self.map.steps.all()}
        if unbound := [leaf.name for leaf in self.map.tree().leaves() if not leaf.uses]:
            message = f"no step kind is bound to {', '.join(unbound)}; bind each, `manual` if a person does it"
            raise TemplateError([Problem(message)])
        inputs = {name: Input(**body) for name, body in self.map.inputs.items()}
        done = [from_document([leaf]) for leaf in self.map.done]
        journey = self.map.journey
        name = self.map.template or journey.slug
        root = with_evidence(self.map.root, steps)
        return catalogue.compose(name, journey.persona.slug, journey.title, inputs, root, done, lookup)  # type: ignore[arg-type]

    def execute(self) -> Revision:
        """Keep the template as a revision and note where each of its leaves came from."""
        checked = self.check()
        with transaction.atomic():
            version = MapVersion.objects.take(self.map, self.user, "derived a template")
            revision = Template.objects.keep(checked, self.user, f"from {version}")
            for step in self.map.steps.all():
                Origin.objects.get_or_create(
                    revision=revision, leaf=step.key, defaults={"step": step, "version": version}
                )
        return revision


def with_evidence(node: Node, evidence: Mapping[str, list[str]]) -> Node:
    """The same flow, its leaves naming what they rest on. Pure."""

    def known(step: Leaf | Sub) -> Node:
        return replace(step, evidence=tuple(evidence.get(step.id, ()))) if isinstance(step, Leaf) else step

    return mapped(node, known)
