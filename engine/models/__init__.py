"""The engine's tables: templates and revisions, runs and their steps, targets, deployments and releases, events."""

from engine.models.artefact import Artefact
from engine.models.cached_result import CachedResult
from engine.models.cursor import EventCursor
from engine.models.deployment import Confirmation, CriterionResult, Deployment, Release
from engine.models.event import Event
from engine.models.heartbeat import EngineHeartbeat
from engine.models.limit import Limit
from engine.models.run import Block, Run
from engine.models.schedule import Schedule
from engine.models.setting import Setting
from engine.models.signal import Signal
from engine.models.step import StepRun, Vote
from engine.models.target import Target
from engine.models.template import Revision, Template

__all__ = [
    "Artefact", "Block", "CachedResult", "Confirmation", "CriterionResult", "Deployment", "EngineHeartbeat", "Event",
    "EventCursor", "Limit", "Release", "Revision", "Run", "Schedule", "Setting", "Signal", "StepRun", "Target",
    "Template", "Vote",
]  # fmt: skip
