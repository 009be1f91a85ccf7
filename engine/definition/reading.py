"""A template from a text or a document: checked as a whole, every problem with line and column."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.definition import yaml_text
from engine.definition.document import Lookup, Template, TemplateError, template_of
from engine.definition.semantics import Kind, Semantics
from engine.definition.structure import Structure
from engine.definition.yaml_text import Place

Kinds = Mapping[str, Kind]


def from_yaml(text: str, kinds: Kinds, lookup: Lookup | None = None) -> Template:
    """Raises TemplateError with every problem found, each with line and column."""
    try:
        document, places = yaml_text.read(text)
    except yaml_text.YamlError as error:
        raise TemplateError(error.problems) from error
    return _checked(document, places, kinds, lookup)


def from_json(document: Any, kinds: Kinds, lookup: Lookup | None = None) -> Template:
    """Raises TemplateError with every problem found."""
    return _checked(document, {}, kinds, lookup)


def _checked(
    document: Any, places: Mapping[Place, tuple[int, int]], kinds: Kinds, lookup: Lookup | None
) -> Template:  # fmt: skip
    structure = Structure(places, lookup)
    structure.document(document)
    if structure.problems:
        raise TemplateError(structure.problems)
    template = template_of(structure.pinned(document), structure.looked_up)
    if problems := Semantics(template, kinds, structure).problems():
        raise TemplateError(problems)
    return template


def problems_with(template: Template, kinds: Kinds) -> list[str]:
    """Why these kinds cannot run a template that was checked when it was stored; empty when they can."""
    return [problem.message for problem in Semantics(template, kinds, Structure({})).problems()]
