"""The example workspace: read from `examples/`, badged, left out of every number, removed by one verb."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import yaml
from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from engine.models import Deployment, Run, Target, Template
from journeys.models import Journey
from lib import names
from people.models import Persona, PersonaChampion, Team, User
from research.models import Activity, Case, Insight, Observation, Participant, Session, Study
from research.models.observation import ActivityQuerySet
from server.search import index

FOLDER = Path(__file__).resolve().parent.parent / "examples"
TEAM = "example"
WATCHER = "remy"
PEOPLE = {
    "mira": ("Mira", "ml-engineer", ("engineer",)),
    "ines": ("Ines", "ml-engineer", ("champion", "engineer")),
    "teun": ("Teun", "app-developer", ("engineer",)),
    "noor": ("Noor", "app-developer", ("champion", "engineer")),
    WATCHER: ("Remy", None, ("researcher", "admin")),
}
ROW = re.compile(
    r"^(?P<at>[\d:]+)(?:-(?P<until>[\d:]+))? (?P<kind>[a-z]+)(?P<mark>\*?) (?P<activity>[a-z-]+): (?P<text>.+)$"
)


@dataclass(frozen=True)
class Shipped:
    """One persona's study and ideal map, as `examples/studies/PERSONA/` has them."""

    persona: str
    names: UUID  # the namespace of its evidence's ids, which are the same in every home

    @property
    def study(self) -> dict[str, Any]:
        return _read(self._file("study.yaml"))

    @property
    def title(self) -> str:
        return str(self.study["study"]["title"])

    def ideal(self) -> str:
        """The champion's ideal map, as YAML."""
        return self._file("ideal.yaml").read_text()

    def journey(self) -> dict[str, str]:
        """The slug and title of the journey that both maps are of."""
        ideal = _read(self._file("ideal.yaml"))
        return {"slug": ideal["slug"], "title": ideal["journey"]}

    def vocabulary(self) -> ActivityQuerySet:
        """Its activities, as far as they are there."""
        keys = [names.key(name, 80) for name in self.study["activities"]]
        return Activity.objects.filter(persona__slug=self.persona, key__in=keys)

    def people(self) -> list[str]:
        """Who of the example's people is of this persona."""
        return [username for username, (_, persona, _) in PEOPLE.items() if persona == self.persona]

    def _file(self, name: str) -> Path:
        return FOLDER / "studies" / self.persona / name


MODELS = Shipped("ml-engineer", UUID("5d1f7a2e-7c64-4b43-9a4e-0f5b8c1d2e3f"))
APPS = Shipped("app-developer", UUID("b7c02f64-93a8-4d0b-8f16-2a6e5d4c7b19"))
STUDIES = (MODELS, APPS)


@cache
def _read(file: Path) -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load(file.read_text())
    return read


def shelf() -> Path:
    """What the example's app keeps its things in: outside of its releases, so that it outlasts them."""
    folder = Path(settings.DESIREPATH_HOME) / "examples"
    folder.mkdir(exist_ok=True)
    return folder / "shelf.sqlite3"


def password() -> str:
    """The example people's password: made once for this home, readable by its owner alone."""
    file = settings.DESIREPATH_HOME / "example-password"
    if not file.exists():
        file.touch(mode=0o600)
        file.write_text(secrets.token_urlsafe(9))
    return str(file.read_text())


def people() -> dict[str, User]:
    """The example's people, on their team; made when missing."""
    team, _ = Team.objects.get_or_create(slug=TEAM, defaults={"name": "Example", "example": True})
    users: dict[str, User] = {}
    for username, (name, persona, roles) in PEOPLE.items():
        user, made = User.objects.get_or_create(username=username, defaults={"first_name": name})
        if made:
            user.persona = Persona.objects.filter(slug=persona).first()
            user.set_password(password())
            user.save(update_fields=["persona", "password"])
        if not user.is_active:  # the example was removed once, and is brought again
            User.objects.filter(pk=user.pk).update(is_active=True)
            user.is_active = True
        team.add(user, *roles)
        if "champion" in roles:
            Persona.objects.get(slug=persona).champions.get_or_create(user=user)
        users[username] = user
    return users


@dataclass(frozen=True)
class LoadExample:
    """Brings one persona's study; one that is there already is left alone."""

    shipped: Shipped

    def execute(self) -> Study:
        study = Study.objects.filter(example=True, title=self.shipped.title).first()
        return study or self._load(self.shipped.study)

    def _load(self, body: dict[str, Any]) -> Study:
        who = people()
        persona = Persona.objects.get(slug=self.shipped.persona)
        with transaction.atomic():
            team = Team.objects.get(slug=TEAM)
            study = Study.objects.create(**body["study"], persona=persona, team=team, example=True)
            study.add(who[WATCHER], "lead")
            for username in self.shipped.people():
                study.add(who[username], "viewer")
            activities = {a.key: a for a in (Activity.objects.named(persona, name) for name in body["activities"])}
            participants = {p["pseudonym"]: _participant(study, p) for p in body["participants"]}
            cases = {key: Case.objects.create(study=study, **case) for key, case in body["cases"].items()}
            for number, watched in enumerate(body["sessions"], 1):
                session = _session(study, watched, participants, cases, who[WATCHER])
                rows = [_parsed(text) for text in watched["rows"]]
                named = (uuid5(self.shipped.names, f"{number}/{index}") for index in range(len(rows)))
                Observation.objects.bulk_create(
                    _observation(session, pk, row, activities) for pk, row in zip(named, rows, strict=True)
                )
            index.keep(Observation.objects.of_study(study))  # no signal tells of a bulk
            for insight in body["insights"]:
                _insight(study, uuid5(self.shipped.names, insight["title"]), insight)
        return study


@dataclass(frozen=True)
class RemoveExample:
    """Takes everything of the example away, what runs included. Starter templates stay."""

    def execute(self) -> None:
        team = Team.objects.filter(slug=TEAM, example=True).first()
        if team is None:
            return
        for deployment in Deployment.objects.filter(team=team):
            target = deployment.target.connect()
            target.remove(deployment.route_name)
            for release in deployment.releases.running():
                release.stop(target, for_good=True)
        with transaction.atomic():
            Run.objects.filter(team=team).delete()
            Deployment.objects.filter(team=team).delete()
            Template.objects.filter(example=True).exclude(revisions__runs__isnull=False).delete()
            Journey.objects.filter(study__example=True).delete()
            _forget(Study.everything.filter(example=True))
            for shipped in STUDIES:
                shipped.vocabulary().filter(observations=None).delete()  # a word that somebody else uses stays
            Target.objects.filter(team=team).delete()
            team.delete()
            gone = User.objects.filter(username__in=PEOPLE, memberships=None)
            PersonaChampion.objects.filter(user__in=gone).delete()
            gone.update(is_active=False)
        for file in shelf().parent.glob(f"{shelf().name}*"):
            file.unlink()


def _forget(studies: QuerySet[Study]) -> None:
    """The studies, and what the history of their rows would keep: it notes a deletion with every word."""
    observations = list(Observation.everything.filter(session__study__in=studies).values_list("pk", flat=True))
    insights = list(Insight.everything.filter(study__in=studies).values_list("pk", flat=True))
    studies.delete()
    Observation.history.filter(id__in=observations).delete()
    Insight.history.filter(id__in=insights).delete()


def _participant(study: Study, body: dict[str, str]) -> Participant:
    participant = study.new_participant(about=body["about"])
    given = timezone.now() - timedelta(days=90)
    participant.consents.create(
        notes=True, quotes=True, audience="company", given_at=given, expires_at=given + timedelta(days=3 * 365)
    )
    return participant


def _session(
    study: Study, body: dict[str, Any], participants: dict[str, Participant], cases: dict[str, Case], watcher: User
) -> Session:
    started: datetime = body["started"]
    last = max(_clock(t) for row in body["rows"] for t in _parsed(row).group("at", "until") if t)
    session = Session.objects.create(
        study=study, sort=body["kind"], case=cases.get(body.get("case", "")), watcher=watcher, started_at=started,
        ended_at=started + timedelta(milliseconds=last + 60_000), reviewed_at=timezone.now(), about=body["title"],
    )  # fmt: skip
    session.participants.add(participants[body["participant"]])
    return session


def _observation(session: Session, pk: UUID, row: re.Match[str], activities: dict[str, Activity]) -> Observation:
    kind = row["kind"]
    return Observation(
        id=pk, session=session, participant=session.participants.get(), case=session.case,
        activity=activities[row["activity"]], observer=session.watcher, at=_clock(row["at"]),
        until=_clock(row["until"]) if row["until"] else None, kind=kind,
        source="said" if kind == "says" else "seen", text=row["text"], quote=kind == "says", marked=bool(row["mark"]),
    )  # fmt: skip


def _insight(study: Study, uuid: UUID, body: dict[str, Any]) -> None:
    insight = Insight.objects.create(
        uuid=uuid, study=study, persona=study.persona, title=body["title"], text=body["text"]
    )
    observations = Observation.objects.of_study(study).filter(activity__key=body["evidence"]["activity"])
    insight.rest_on(*_in_order(observations.filter(kind__in=body["evidence"]["kinds"])))


def _in_order(rows: Any) -> Iterator[Observation]:
    yield from rows.order_by("-marked", "session", "at")


def _parsed(text: str) -> re.Match[str]:
    match = ROW.match(text)
    if match is None:
        raise ValueError(f"A row of an example study cannot be read: {text}")
    return match


def _clock(text: str) -> int:
    """Milliseconds of hh:mm:ss."""
    hours, minutes, seconds = (int(part) for part in text.split(":"))
    return ((hours * 60 + minutes) * 60 + seconds) * 1000
