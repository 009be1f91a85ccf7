"""The tables of this room. Rules about one object are its methods, rules about many are queryset methods.

`objects` holds what is there; `everything` also holds what was removed and can be taken back.
"""

from research.models.case import Case
from research.models.insight import Insight, InsightEvidence
from research.models.observation import Activity, Kind, Observation, Source
from research.models.overtaken import Overtaken
from research.models.participant import Audience, Consent, Participant
from research.models.session import Session
from research.models.study import RESEARCHERS, Study, StudyMember, StudyRole

__all__ = [
    "RESEARCHERS",
    "Activity", "Audience", "Case", "Consent", "Insight", "InsightEvidence", "Kind", "Observation", "Overtaken",
    "Participant", "Session", "Source", "Study", "StudyMember", "StudyRole",
]  # fmt: skip
