"""Decides what a person may read of observations. Pages, exports and traces all ask here, at each reading."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from django.contrib.auth.models import AnonymousUser
from django.db.models import Q

from people.models import User
from research.models.participant import Audience, Participant
from research.models.study import RESEARCHERS, Study, StudyMember

if TYPE_CHECKING:
    from research.models.observation import Observation, ObservationQuerySet

# Why something cannot be read, in words. What is not here can be.
WHY = {
    "no consent": "Nothing is shown: there is no consent for it.",
    "withdrawn": "Withdrawn by the participant.",
    "expired": "The participant's consent has ended.",
    "not agreed": "The participant did not agree to be quoted.",
    "outside": "Shown to the readers its participant agreed to.",
    "few": "Kept with the researchers: fewer than five people took part.",
}


@dataclass(frozen=True)
class Quote:
    """One observation as one person may read it."""

    state: str  # verbatim, paraphrase, or a key of WHY
    text: str
    who: str
    where: str = ""
    url: str = ""
    why: str = ""

    @property
    def readable(self) -> bool:
        return self.state in ("verbatim", "paraphrase")

    @property
    def verbatim(self) -> bool:
        return self.state == "verbatim"


@dataclass(frozen=True)
class Standing:
    """What a reader may read of one participant: the notes about them, and their words."""

    notes: str
    quotes: str


def clock(milliseconds: int) -> str:
    seconds = milliseconds // 1000
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"


class Reading:
    """One reader. It remembers what it looked up, so it lives for a request and no longer."""

    def __init__(self, user: User | AnonymousUser) -> None:
        self.user = user
        self.standings: dict[int, Standing] = {}
        self.few: dict[int, bool] = {}

    @classmethod
    def of_member(cls, study: Study, role: str, *, few: bool) -> "Reading":
        """Whoever has this role in the study and is nothing else; `few`: if too few people take part in it."""
        found = cls(User())
        found.roles, found.teams, found.few = {study.pk: role}, set(), {study.pk: few}
        return found

    @cached_property
    def roles(self) -> dict[int, str]:
        """The reader's role in each study."""
        if not self.user.is_authenticated:
            return {}
        return dict(StudyMember.objects.filter(user=self.user).values_list("study", "role"))

    @cached_property
    def teams(self) -> set[int]:
        if not self.user.is_authenticated:
            return set()
        return set(self.user.memberships.values_list("team", flat=True))

    def in_audience(self, audience: str, study: Study) -> bool:
        if audience == Audience.COMPANY:
            return bool(self.user.is_authenticated)
        if audience == Audience.TEAM:
            return study.pk in self.roles or study.team_id in self.teams
        return False

    def standing(self, participant: Participant) -> Standing:
        if participant.pk not in self.standings:
            self.standings[participant.pk] = self.decide(participant)
        return self.standings[participant.pk]

    def decide(self, participant: Participant) -> Standing:
        """The rule, in its order: consent, the researchers, the audience, too few people."""
        consent, study = participant.consent, participant.study
        if consent is None:
            return Standing("no consent", "no consent")
        if consent.state != "in force":
            return Standing(consent.state, consent.state)
        if not consent.notes:
            return Standing("no consent", "no consent")
        if self.roles.get(study.pk) in RESEARCHERS:
            return Standing("verbatim", "verbatim")
        if not self.in_audience(consent.audience, study):
            return Standing("outside", "outside")
        if not consent.quotes:
            return Standing("verbatim", "not agreed")
        return Standing("verbatim", "few" if self.too_few(study) else "verbatim")

    def too_few(self, study: Study) -> bool:
        if study.pk not in self.few:
            self.few[study.pk] = study.few
        return self.few[study.pk]

    def state(self, observation: "Observation") -> str:
        standing = self.standing(observation.participant)
        if not observation.quote:
            return standing.notes
        released = bool(observation.released_at and observation.paraphrase)
        return "paraphrase" if standing.quotes == "few" and released else standing.quotes

    def quote(self, observation: "Observation") -> Quote:
        """The observation for this reader; out of reach, only persona and study are left of it."""
        state = self.state(observation)
        persona, study = observation.participant.persona, observation.session.study
        if state in WHY:
            return Quote(state, "", f"{persona} · study {study}", why=WHY[state])
        text = observation.paraphrase if state == "paraphrase" else observation.text
        who = f"{observation.participant} · {persona}"
        where = f"session {observation.session_id} · {clock(observation.at)}"
        member = study.pk in self.roles and study.removed_at is None
        return Quote(state, text, who, where, observation.get_absolute_url() if member else "")

    def quotes(self, observations: "Iterable[Observation]") -> list[Quote]:
        return [self.quote(observation) for observation in observations]

    def readable(self, observations: "ObservationQuerySet") -> "ObservationQuerySet":
        """The same rule as a filter: decided for each participant, then applied to their rows."""
        ids = observations.order_by().values("participant").distinct()
        people = Participant.everything.filter(pk__in=ids).select_related("study").prefetch_related("consents")
        standings = {person.pk: self.standing(person) for person in people}
        notes = [pk for pk, standing in standings.items() if standing.notes == "verbatim"]
        words = [pk for pk, standing in standings.items() if standing.quotes == "verbatim"]
        few = [pk for pk, standing in standings.items() if standing.quotes == "few"]
        released = Q(quote=True, participant__in=few, released_at__isnull=False) & ~Q(paraphrase="")
        return observations.filter(
            Q(quote=False, participant__in=notes) | Q(quote=True, participant__in=words) | released
        )
