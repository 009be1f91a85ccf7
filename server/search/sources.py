"""What can be found: for each kind of row its words, how it is shown, and who may see it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Model, Q, QuerySet
from django.urls import reverse

from engine.models import Deployment, Run, Template
from journeys.models import Journey, MapStep
from people.access import visible
from people.models import Persona, Team, User
from research.models import Case, Insight, Observation, Participant, Session, Study
from research.models.study import ENOUGH, RESEARCHERS, StudyMember, StudyRole
from research.reading import Reading

EVERYBODY, ALL = "all", "a"
TEAM, STUDY, PERSONA = "t", "s", "p"  # with a number: the team's members, the study's, the persona's champions
RESEARCHER, MEMBER, OF_FEW = "r", "m", "f"  # a study's researchers, its other members, those where too few took part
QUOTE, PARAPHRASE = "quote", "paraphrase"  # a participant's words, and the researcher's in their place


@dataclass(frozen=True)
class Said:
    """One thing as the index keeps it: what is shown of it, what it is found by, and who may look for it."""

    title: str
    url: str
    about: str = ""
    text: str = ""  # more words that it is found by
    readers: Iterable[str] = (EVERYBODY,)


@dataclass(frozen=True)
class Source:
    """One kind of thing. `rows` are those that may be found at all, with what `says` reads of them."""

    kind: str
    group: str  # the heading; {live} is the word of the reader's persona
    model: type[Model]
    rows: Callable[[], QuerySet[Any]]
    says: Callable[[Any], Said]
    fields: frozenset[str] = frozenset()  # the fields that matter; a save of others alone changes nothing here
    once: bool = False  # what matters is there when it is made, and never changes
    readers: str = STUDY  # the first letters of the scopes it is read in
    seen: Callable[[User, QuerySet[Any]], QuerySet[Any]] = visible  # of these rows, those that exist for a person


def scopes(user: User, reading: Reading) -> list[str]:
    """Whose things this person may look for. `reading` learns in which studies too few took part, in the same query."""
    teams = user.memberships.values_list("team", flat=True).distinct()
    championed = user.championed.values_list("persona", flat=True)
    there = Count("study__participants", filter=Q(study__participants__removed_at=None))
    studies = StudyMember.objects.filter(user=user).order_by().annotate(people=there)
    found = [EVERYBODY, *(f"{TEAM}{pk}" for pk in teams), *(f"{PERSONA}{pk}" for pk in championed)]
    for pk, role, people in studies.values_list("study", "role", "people"):
        reading.few[pk] = people < ENOUGH
        member = OF_FEW if reading.few[pk] else MEMBER
        found += [f"{STUDY}{pk}", f"{RESEARCHER if role in RESEARCHERS else member}{pk}"]
    return found


def _read_by(one: Observation, state: str) -> list[str]:
    """The scopes in which `Reading` decides that it is read so."""
    role = {RESEARCHER: StudyRole.RESEARCHER, MEMBER: StudyRole.VIEWER, OF_FEW: StudyRole.VIEWER}
    study = one.participant.study
    somebody = ((scope, Reading.of_member(study, role[scope], few=scope == OF_FEW)) for scope in role)
    return [f"{scope}{study.pk}" for scope, reading in somebody if reading.state(one) == state]


def _deployment(one: Deployment) -> Said:
    address = reverse("deployment", args=[one.team.slug, one.target.name, one.name])
    return Said(one.name, address, f"{one.team}", f"{one.target.name} {one.persona or ''}", (f"{TEAM}{one.team_id}",))


def _run(one: Run) -> Said:
    name = f"{one.deployment.name} · " if one.deployment else ""
    more = f"{one} {one.revision.template.name} {one.started_by.name if one.started_by else ''}"
    return Said(
        f"Run {one.pk}", reverse("run", args=[one.pk]), f"{name}{one.revision.title}", more, (f"{TEAM}{one.team_id}",)
    )


def _template(one: Template) -> Said:
    return Said(one.name, reverse("template", args=[one.name]), one.title, f"{one.persona or ''}")


def _journey(one: Journey) -> Said:
    return Said(one.title, one.get_absolute_url(), f"{one.persona.plural}", one.slug)


def _step(one: MapStep) -> Said:
    map_ = one.map
    address = f"{map_.journey.get_absolute_url()}?map={map_.state}#step-{one.pk}"
    return Said(one.title, address, f"{map_.journey} · {map_.get_state_display().lower()} map")


def _study(one: Study) -> Said:
    return Said(one.title, one.get_absolute_url(), f"{one.persona.plural}", one.question, (f"{STUDY}{one.pk}",))


def _session(one: Session) -> Said:
    case = f" · {one.case}" if one.case and one.case.removed_at is None else ""
    about = f"{one.get_sort_display()} · {one.study}{case}"
    return Said(str(one), one.get_absolute_url(), about, readers=(f"{STUDY}{one.study_id}",))


def _participant(one: Participant) -> Said:
    """The pseudonym alone: what is known of them is theirs."""
    return Said(str(one), one.get_absolute_url(), f"{one.study}", "participant", (f"{STUDY}{one.study_id}",))


def _case(one: Case) -> Said:
    return Said(one.title, one.get_absolute_url(), f"{one.study}", one.outcome, (f"{STUDY}{one.study_id}",))


def _insight(one: Insight) -> Said:
    readers = (f"{STUDY}{one.study_id}", f"{PERSONA}{one.persona_id}")
    return Said(one.title, one.get_absolute_url(), f"{one.study}", one.text, readers)


def _quote(one: Observation) -> Said:
    activity = one.activity.name if one.activity else ""
    return Said("", "", "", f"{one.text} {activity}", _read_by(one, "verbatim"))


def _paraphrase(one: Observation) -> Said:
    return Said("", "", "", one.paraphrase, _read_by(one, "paraphrase"))


def _team(one: Team) -> Said:
    return Said(one.name, reverse("team", args=[one.slug]), "", f"{one.slug} team", (f"{TEAM}{one.pk}",))


def _persona(one: Persona) -> Said:
    return Said(one.name, reverse("persona", args=[one.slug]), "", one.plural)


def _observations() -> QuerySet[Any]:
    return Observation.objects.usable().for_reading()


def _journeys() -> QuerySet[Any]:
    return Journey.objects.filter(study__removed_at=None)


def _of_studies(model: Any) -> QuerySet[Any]:
    found: QuerySet[Any] = model.objects.filter(study__removed_at=None).select_related("study")
    return found


WORDS_OF_THEIRS = frozenset(
    {"text", "activity", "quote", "removed_at", "paraphrase", "released_at", "session", "participant"}
)

# In the order in which they are shown.
SOURCES: tuple[Source, ...] = (
    Source("deployment", "{live}", Deployment,
           lambda: Deployment.objects.there().select_related("team", "target", "persona"), _deployment,
           frozenset({"name", "persona", "removed_at"}), readers=TEAM),
    Source("run", "Runs", Run,
           lambda: Run.objects.select_related("revision__template", "deployment", "started_by"), _run, once=True,
           readers=TEAM),
    Source("template", "Templates", Template, lambda: Template.objects.select_related("persona"), _template,
           readers=ALL),
    Source("journey", "Journeys", Journey, lambda: _journeys().select_related("persona"), _journey, readers=ALL),
    Source("step", "Steps of journeys", MapStep,
           lambda: MapStep.objects.filter(map__journey__in=_journeys()).select_related("map__journey"), _step,
           frozenset({"title"}), readers=ALL,
           seen=lambda user, rows: rows.filter(map__journey__in=visible(user, Journey))),
    Source("study", "Studies", Study, lambda: Study.objects.select_related("persona"), _study),
    Source("session", "Sessions", Session, lambda: _of_studies(Session).select_related("case"), _session),
    Source("participant", "Participants", Participant, lambda: _of_studies(Participant), _participant),
    Source("case", "Cases", Case, lambda: _of_studies(Case), _case),
    Source("insight", "Insights", Insight, lambda: _of_studies(Insight), _insight, readers=STUDY + PERSONA),
    Source(QUOTE, "Quotes and observations", Observation, _observations, _quote, WORDS_OF_THEIRS,
           readers=RESEARCHER + MEMBER + OF_FEW),
    Source(PARAPHRASE, "Quotes and observations", Observation,
           lambda: _observations().filter(released_at__isnull=False).exclude(paraphrase=""), _paraphrase,
           WORDS_OF_THEIRS, readers=OF_FEW),
    Source("team", "Teams", Team, lambda: Team.objects.all(), _team, readers=TEAM),
    Source("persona", "Personas", Persona, lambda: Persona.objects.all(), _persona, readers=ALL),
)  # fmt: skip
BY_KIND = {source.kind: source for source in SOURCES}
# What is shown with another row's name: written again when that row is saved.
BELOW: dict[type[Model], Callable[[Any], Iterable[QuerySet[Any]]]] = {
    Study: lambda one: (
        Session.everything.filter(study=one), Participant.everything.filter(study=one),
        Case.everything.filter(study=one), Insight.everything.filter(study=one),
    ),
    Case: lambda one: (Session.everything.filter(case=one),),
    Journey: lambda one: (MapStep.objects.filter(map__journey=one),),
    Team: lambda one: (Deployment.objects.filter(team=one),),
}  # fmt: skip
# What is gone with another row: taken out when that row is removed, and back when it is restored.
WITHIN: dict[type[Model], Callable[[Any], Iterable[QuerySet[Any]]]] = {
    Study: lambda one: (
        Observation.everything.filter(session__study=one), Journey.objects.filter(study=one),
        MapStep.objects.filter(map__journey__study=one),
    ),
    Session: lambda one: (Observation.everything.filter(session=one),),
    Participant: lambda one: (Observation.everything.filter(participant=one),),
}  # fmt: skip


def seen_by(user: User, source: Source) -> QuerySet[Any]:
    """The rows of a source that exist for this person. A participant's words: `finding` asks `Reading` besides."""
    return source.seen(user, source.rows())
