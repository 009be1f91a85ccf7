"""Import an ideal map: stages and steps, the flow with its leaves bound, and what each step rests on.

    stages:
      - title: Before anybody depends on it
        steps:
          - {id: inspect, rests_on: [open-the-file], insights: ["…"], does: "…"}
    template: {the template document}

`rests_on` names activities of the persona; their observations in the journey's study become the step's evidence.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from engine.definition import yaml_text
from engine.definition.document import Template, TemplateError
from engine.models.template import lookup
from engine.steps import catalogue
from journeys.actions.draft import fill_cells
from journeys.models import Journey, JourneyMap, MapStep, Stage
from research.models import Insight, Observation


@dataclass(frozen=True)
class ImportIdeal:
    journey: Journey
    text: str  # YAML

    def check(self) -> tuple[dict[str, Any], Template]:
        """The document and its template. Raises TemplateError with what is wrong."""
        try:
            document, _ = yaml_text.read(self.text)
        except yaml_text.YamlError as error:
            raise TemplateError(error.problems) from error
        if not isinstance(document, dict) or not {"stages", "template"} <= document.keys():
            raise TemplateError([yaml_text.Problem("an ideal map has stages and a template")])
        checked = catalogue.from_json(document["template"], lookup)
        try:
            named = [step["id"] for stage in document["stages"] if stage["title"] for step in stage["steps"]]
        except (KeyError, TypeError) as error:
            problem = yaml_text.Problem("each stage is written {title: …, steps: [{id: …, does: …}, …]}")
            raise TemplateError([problem]) from error
        if missing := sorted({leaf.id for leaf in checked.flow.leaves()} ^ set(named)):
            problem = yaml_text.Problem(f"stages and flow do not name the same steps: {', '.join(missing)}")
            raise TemplateError([problem])
        return document, checked

    def execute(self) -> JourneyMap:
        document, checked = self.check()
        with transaction.atomic():
            map_, _ = JourneyMap.objects.update_or_create(
                journey=self.journey, state=JourneyMap.State.IDEAL,
                defaults={
                    "flow": checked.document["flow"], "inputs": checked.document.get("inputs") or {},
                    "done": checked.document.get("done") or [], "template": checked.name,
                },
            )  # fmt: skip
            map_.steps.exclude(key__in=checked.flow.leaf_paths).delete()
            position = 0
            for order, stage in enumerate(document["stages"]):
                row, _ = Stage.objects.update_or_create(map=map_, title=stage["title"], defaults={"position": order})
                for step in stage["steps"]:
                    self._step(map_, row, step, position, checked.flow.leaf(step["id"]).name)
                    position += 1
            map_.stages.filter(steps=None).delete()
        return map_

    def _step(self, map_: JourneyMap, stage: Stage, step: Mapping[str, Any], position: int, title: str) -> None:
        row, _ = MapStep.objects.update_or_create(
            map=map_, key=step["id"], defaults={"title": title, "position": position, "stage": stage}
        )
        study = self.journey.study
        if study is not None:
            observations = Observation.objects.of_study(study).usable()
            row.links.all().delete()  # what is no longer named is no longer evidence
            row.rest_on(observations.filter(activity__key__in=step.get("rests_on", [])))
            row.insights.set(Insight.objects.filter(study=study, title__in=step.get("insights", [])))
        fill_cells(row, does=step.get("does", ""))
