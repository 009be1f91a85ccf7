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
from django.utils import timezone

from engine.models import Deployment, Run, Target, Template
from journeys.models import Journey
from people.models import Persona, Team, User
from research.models import Activity, Case, Insight, Observation, Participant, Session, Study

FOLDER = Path(__file__).resolve().parent.parent / "examples"
NAMES = UUID("5d1f7a2e-7c64-4b43-9a4e-0f5b8c1d2e3f")  # the example's evidence has the same ids in every home
TEAM = "example"
PEOPLE = {
    "mira": ("Mira", "ml-engineer", ("engineer",)),
    "ines": ("Ines", "ml-engineer", ("champion", "engineer")),
    "remy": ("Remy", None, ("researcher", "admin")),
}
ROW = re.compile(
    r"^(?P<at>[\d:]+)(?:-(?P<until>[\d:]+))? (?P<kind>[a-z]+)(?P<mark>\*?) (?P<activity>[a-z-]+): (?P<text>.+)$"
)


@cache
def _study() -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load((FOLDER / "study" / "study.yaml").read_text())
    return read


def ideal() -> str:
    """The champion's ideal map, as YAML."""
    return (FOLDER / "study" / "ideal.yaml").read_text()


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
    found: dict[str, User] = {}
    for username, (name, persona, roles) in PEOPLE.items():
        user, made = User.objects.get_or_create(username=username, defaults={"first_name": name})
        if made:
            user.persona = Persona.objects.filter(slug=persona).first()
            user.set_password(password())
            user.save(update_fields=["persona", "password"])
        team.add(user, *roles)
        found[username] = user
    Persona.objects.get(slug="ml-engineer").champions.get_or_create(user=found["ines"])
    return found


@dataclass(frozen=True)
class LoadExample:
    """Brings the study; one that is there already is left alone."""

    def execute(self) -> Study:
        found = Study.objects.filter(example=True, title=_study()["study"]["title"]).first()
        return found or self._load()

    def _load(self) -> Study:
        who = people()
        persona = Persona.objects.get(slug=_study()["persona"])
        with transaction.atomic():
            team = Team.objects.get(slug=TEAM)
            study = Study.objects.create(**_study()["study"], persona=persona, team=team, example=True)
            study.add(who["remy"], "lead")
            study.add(who["ines"], "viewer")
            study.add(who["mira"], "viewer")
            for name in _study()["activities"]:
                Activity.objects.named(persona, name)
            participants = {p["pseudonym"]: _participant(study, p) for p in _study()["participants"]}
            cases = {key: Case.objects.create(study=study, **body) for key, body in _study()["cases"].items()}
            for number, body in enumerate(_study()["sessions"], 1):
                session = _session(study, body, participants, cases, who["remy"])
                rows = [_observation(session, number, i, text) for i, text in enumerate(body["rows"])]
                Observation.objects.bulk_create(rows)
            for body in _study()["insights"]:
                _insight(study, persona, body)
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
                target.stop(release.workload)
        with transaction.atomic():
            Run.objects.filter(team=team).delete()
            Deployment.objects.filter(team=team).delete()
            journeys = Journey.objects.filter(study__example=True)
            Template.objects.filter(example=True, revisions__runs=None).delete()
            journeys.delete()
            Study.everything.filter(example=True).delete()
            Target.objects.filter(team=team).delete()
            team.delete()
            User.objects.filter(username__in=PEOPLE, memberships=None).update(is_active=False)


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


def _observation(session: Session, number: int, index: int, text: str) -> Observation:
    row = _parsed(text)
    kind, participant = row["kind"], session.participants.get()
    activity = Activity.objects.get(persona=participant.persona, key=row["activity"])
    return Observation(
        id=uuid5(NAMES, f"{number}/{index}"), session=session, participant=participant, case=session.case,
        activity=activity, observer=session.watcher, at=_clock(row["at"]),
        until=_clock(row["until"]) if row["until"] else None, kind=kind,
        source="said" if kind == "says" else "seen", text=row["text"], quote=kind == "says", marked=bool(row["mark"]),
    )  # fmt: skip


def _insight(study: Study, persona: Persona, body: dict[str, Any]) -> None:
    insight = Insight.objects.create(
        uuid=uuid5(NAMES, body["title"]), study=study, persona=persona, title=body["title"], text=body["text"]
    )
    seen = Observation.objects.of_study(study).filter(activity__key=body["evidence"]["activity"])
    insight.rest_on(*_in_order(seen.filter(kind__in=body["evidence"]["kinds"])))


def _in_order(rows: Any) -> Iterator[Observation]:
    yield from rows.order_by("-marked", "session", "at")


def _parsed(text: str) -> re.Match[str]:
    found = ROW.match(text)
    if found is None:
        raise ValueError(f"examples/study/study.yaml: this row cannot be read: {text}")
    return found


def _clock(text: str) -> int:
    """Milliseconds of hh:mm:ss."""
    hours, minutes, seconds = (int(part) for part in text.split(":"))
    return ((hours * 60 + minutes) * 60 + seconds) * 1000
