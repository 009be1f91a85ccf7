"""Draft the current map of a journey from what was seen: its flow, a step for each activity, all tied to evidence."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from django.db import transaction
from django.utils import timezone

from engine.definition.document import to_document
from engine.definition.flow import leaves
from journeys.models import LANES, Cell, Journey, JourneyMap, MapStep, Stage
from lib import names
from research.models import Observation, Study
from research.traces import by_activity, traces

CURRENT = JourneyMap.State.CURRENT


class NothingSeen(ValueError):
    """There is nothing to draft from; the message says what is missing."""


@dataclass(frozen=True)
class DraftCurrent:
    journey: Journey

    def check(self) -> Study:
        study = self.journey.study
        if study is None:
            raise NothingSeen("This journey belongs to no study; choose the study whose sessions it is drawn from.")
        return study

    def execute(self) -> JourneyMap:
        """Discover the flow and store its map. A champion's texts in cells of kept steps stay. Raises NothingSeen."""
        from journeys.discovery.inductive import Occurrence, discover  # networkx takes half a second to import

        observations = Observation.objects.of_study(self.check()).filter(participant__persona=self.journey.persona)
        cases = traces(observations)
        if not cases:
            raise NothingSeen("No session of this study has seen anybody do something in a case yet. Watch one first.")
        held = set(MapStep.objects.filter(map__journey=self.journey, map__state=CURRENT).values_list("key", flat=True))
        numbers = by_activity(observations)
        ids = {key: leaf_id(key, held) for key in numbers}
        activities = {leaf: key for key, leaf in ids.items()}
        titles = {ids[key]: activity.name for key, activity in numbers.items()}
        occurrences = (
            [Occurrence(row.start, row.end, str(row.observation), ids[row.activity]) for row in trace]
            for trace in cases.values()
        )
        root = discover(occurrences, titles)
        flow = to_document(root)
        with transaction.atomic():
            map_, _ = JourneyMap.objects.get_or_create(journey=self.journey, state=CURRENT)
            map_.flow = flow if isinstance(flow, list) else [flow]
            map_.changed_at = timezone.now()
            map_.save(update_fields=["flow", "changed_at"])
            stage, _ = Stage.objects.get_or_create(map=map_, title="As it is done now")
            keys = [leaf.id for leaf in leaves(root)]
            map_.steps.exclude(key__in=keys).delete()
            for position, key in enumerate(keys):
                step, _ = MapStep.objects.update_or_create(
                    map=map_, key=key, defaults={"title": titles[key], "position": position, "stage": stage}
                )
                step.links.all().delete()
                step.rest_on(observations.usable().filter(activity__key=activities[key]))
                fill_cells(step)
        return map_


def fill_cells(step: MapStep, **texts: str) -> None:
    """Every lane of a step has its cell."""
    for lane in LANES:
        Cell.objects.get_or_create(step=step, lane=lane, defaults={"text": texts.get(lane, "")})


def leaf_id(key: str, held: Collection[str] = ()) -> str:
    """The id of an activity's leaf: ASCII, because expressions name leaves; one that the map holds stays as it is."""
    if key in held:
        return key
    plain = names.safe(key)
    return plain if plain[0].isalpha() else names.safe(f"n-{plain}")
