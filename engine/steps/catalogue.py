"""The step kinds by name, and templates checked against them.

A stored revision outlives its kinds: it is still read and shown when one is gone, and cannot be started any more.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from engine.definition import document, reading
from engine.definition.document import Input, Lookup, Template
from engine.definition.flow import Leaf, Node
from engine.outcomes import PermanentFailure
from engine.steps import registry
from engine.steps.base import StepKind
from people.models import Persona

GONE = "This step's kind is no longer here."


def from_yaml(text: str, lookup: Lookup | None = None) -> Template:
    """A checked template. Raises TemplateError with every problem, each with line and column."""
    return reading.from_yaml(text, registry(), lookup)


def from_json(value: object, lookup: Lookup | None = None) -> Template:
    """A checked template. Raises TemplateError with every problem."""
    return reading.from_json(value, registry(), lookup)


def compose(
    name: str, persona: str, title: str, inputs: Mapping[str, Input], root: Node, done: Iterable[Leaf] = (),
    lookup: Lookup | None = None,
) -> Template:  # fmt: skip
    """A checked template from parts: what a journey derives. Raises TemplateError with every problem."""
    return from_json(document.composed(name, persona, title, inputs, root, done), lookup)


def problems_with(template: Template) -> list[str]:
    """Why a stored template cannot be run by the kinds of today; nothing when it can."""
    return reading.problems_with(template, registry())


def kind_of(leaf: Leaf) -> StepKind:
    """The kind of a step that is to be executed. Raises PermanentFailure when it is gone."""
    kind = registry().get(leaf.uses)
    if kind is None:
        raise PermanentFailure(f"{leaf.name} uses “{leaf.uses}”. {GONE}")
    return kind


def says(leaf: Leaf, persona: Persona | None) -> dict[str, str]:
    """The title of a step's kind and what it does, in this persona's words; of a kind that is gone, that it is gone."""
    kind = registry().get(leaf.uses)
    return kind.says(persona) if kind else {"title": leaf.uses, "does": GONE}
