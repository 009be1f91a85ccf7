"""Starter templates: one for each persona, published from the first start, kept when the example is removed."""

from pathlib import Path

from engine.models import Template
from engine.models.template import lookup
from engine.steps import catalogue

FOLDER = Path(__file__).parent


def bring() -> None:
    """Keep and publish what is shipped; a template that somebody has since changed keeps their newest publication."""
    for file in sorted(FOLDER.glob("*.yaml")):
        revision = Template.objects.keep(catalogue.from_yaml(file.read_text(), lookup), None, "shipped with Desirepath")
        if not revision.template.starter:
            Template.objects.filter(pk=revision.template_id).update(starter=True)
        if revision.published_at is None:
            revision.publish(None)
