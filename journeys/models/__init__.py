"""This room's tables: journeys and their maps, cells and their edits, versions, and what ties rooms together."""

from journeys.models.cell import LANES, Cell, CellEdit, Lane
from journeys.models.journey import Journey, JourneyMap, MapStep, Stage, StepEvidence
from journeys.models.origin import Origin, SessionRun
from journeys.models.version import MapVersion

__all__ = [
    "LANES", "Cell", "CellEdit", "Journey", "JourneyMap", "Lane", "MapStep", "MapVersion", "Origin", "SessionRun",
    "Stage", "StepEvidence",
]  # fmt: skip
