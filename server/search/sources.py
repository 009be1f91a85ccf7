"""What can be found: for each kind of row its words, how it is shown, and who may see it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import Model, QuerySet
from django.urls import reverse

from engine.models import Deployment, Run, Template
from journeys.models import Journey, MapStep
from people.access import visible
from people.models import Persona, Team, User
from research.models import Case, Insight, Observation, Participant, Session, Study
from research.models.study import StudyMember

EVERYBODY = "_all"
TEAM, STUDY, PERSONA, ALL = "_t", "_s", "_p", "_a"
QUOTE, PARAPHRASE = "quote", "paraphrase"  # a participant's words, and the researcher's in their place


@dataclass(frozen=True)
class Said:
    """One thing as the index keeps it: what is shown of it, what it is found by, and who may look for it."""

    title: str
    url: str
    about: str = ""
    text: str = ""  # more words that it is found by
    readers: tuple[str, ...] = (EVERYBODY,)


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
    readers: tuple[str, ...] = (STUDY,)  # how the tokens of those begin who may look for it
    seen: Callable[[User, QuerySet[Any]], QuerySet[Any]] = visible  # of these rows, those that exist for a person


def team(pk: int) -> str:
    return f"{TEAM}{pk}"


def study(pk: int) -> str:
    return f"{STUDY}{pk}"


def persona(pk: int) -> str:
    return f"{PERSONA}{pk}"


def scopes(user: User) -> list[str]:
    """Whose things this person may look for. The rows are asked again: an entry may be older than they are."""
    teams = user.memberships.values_list("team", flat=True).distinct()
    studies = StudyMember.objects.filter(user=user).values_list("study", flat=True)
    championed = user.championed.values_list("persona", flat=True)
    return [EVERYBODY, *map(team, teams), *map(study, studies), *map(persona, championed)]


def _deployment(one: Deployment) -> Said:
    address = reverse("deployment", args=[one.team.slug, one.target.name, one.name])
    return Said(one.name, address, f"{one.team}", f"{one.target.name} {one.persona or ''}", (team(one.team_id),))


def _run(one: Run) -> Said:
    name = f"{one.deployment.name} · " if one.deployment else ""
    more = f"{one} {one.revision.template.name} {one.started_by.name if one.started_by else ''}"
    return Said(
        f"Run {one.pk}", reverse("run", args=[one.pk]), f"{name}{one.revision.title}", more, (team(one.team_id),)
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
    return Said(one.title, one.get_absolute_url(), f"{one.persona.plural}", one.question, (study(one.pk),))


def _session(one: Session) -> Said:
    case = f" · {one.case}" if one.case and one.case.removed_at is None else ""
    about = f"{one.get_sort_display()} · {one.study}{case}"
    return Said(str(one), one.get_absolute_url(), about, readers=(study(one.study_id),))


def _participant(one: Participant) -> Said:
    """The pseudonym alone: what is known of them is theirs."""
    return Said(str(one), one.get_absolute_url(), f"{one.study}", "participant", (study(one.study_id),))


def _case(one: Case) -> Said:
    return Said(one.title, one.get_absolute_url(), f"{one.study}", one.outcome, (study(one.study_id),))


def _insight(one: Insight) -> Said:
    readers = (study(one.study_id), persona(one.persona_id))
    return Said(one.title, one.get_absolute_url(), f"{one.study}", one.text, readers)


def _quote(one: Observation) -> Said:
    activity = one.activity.name if one.activity else ""
    return Said("", "", "", f"{one.text} {activity}", (study(one.session.study_id),))


def _paraphrase(one: Observation) -> Said:
    return Said("", "", "", one.paraphrase, (study(one.session.study_id),))


def _team(one: Team) -> Said:
    return Said(one.name, reverse("team", args=[one.slug]), "", f"{one.slug} team", (team(one.pk),))


def _persona(one: Persona) -> Said:
    return Said(one.name, reverse("persona", args=[one.slug]), "", one.plural)


def _observations() -> QuerySet[Any]:
    """Those of participants whose consent is in force. What lies in a removed session stays: it may come back."""
    consenting = Participant.objects.consenting().values("pk")
    return Observation.objects.filter(participant__in=consenting).select_related("activity", "session")


WORDS_OF_THEIRS = frozenset({"text", "activity", "removed_at", "paraphrase", "released_at", "session", "participant"})

# In the order in which they are shown.
SOURCES: tuple[Source, ...] = (
    Source("deployment", "{live}", Deployment,
           lambda: Deployment.objects.select_related("team", "target", "persona"), _deployment,
           frozenset({"name", "persona"}), readers=(TEAM,),
           seen=lambda user, rows: visible(user, rows.filter(removed_at=None))),
    Source("run", "Runs", Run,
           lambda: Run.objects.select_related("revision__template", "deployment", "started_by"), _run, once=True,
           readers=(TEAM,)),
    Source("template", "Templates", Template, lambda: Template.objects.select_related("persona"), _template,
           readers=(ALL,)),
    Source("journey", "Journeys", Journey, lambda: Journey.objects.select_related("persona"), _journey, readers=(ALL,)),
    Source("step", "Steps of journeys", MapStep, lambda: MapStep.objects.select_related("map__journey"), _step,
           frozenset({"title"}), readers=(ALL,),
           seen=lambda user, rows: rows.filter(map__journey__in=visible(user, Journey))),
    Source("study", "Studies", Study, lambda: Study.objects.select_related("persona"), _study),
    Source("session", "Sessions", Session,
           lambda: Session.objects.select_related("study", "case"), _session),
    Source("participant", "Participants", Participant,
           lambda: Participant.objects.select_related("study"), _participant),
    Source("case", "Cases", Case, lambda: Case.objects.select_related("study"), _case),
    Source("insight", "Insights", Insight,
           lambda: Insight.objects.select_related("study"), _insight,
           readers=(STUDY, PERSONA)),
    Source(QUOTE, "Quotes and observations", Observation, _observations, _quote, WORDS_OF_THEIRS),
    Source(PARAPHRASE, "Quotes and observations", Observation,
           lambda: _observations().filter(released_at__isnull=False).exclude(paraphrase=""), _paraphrase,
           WORDS_OF_THEIRS),
    Source("team", "Teams", Team, lambda: Team.objects.all(), _team, readers=(TEAM,)),
    Source("persona", "Personas", Persona, lambda: Persona.objects.all(), _persona, readers=(ALL,)),
)  # fmt: skip
BY_KIND = {source.kind: source for source in SOURCES}
# What is shown with another row's name: written again when that row is saved.
BELOW: dict[type[Model], Callable[[Any], Iterable[QuerySet[Any]]]] = {
    Study: lambda one: (
        Session.everything.filter(study=one), Participant.everything.filter(study=one),
        Case.everything.filter(study=one), Insight.everything.filter(study=one),
    ),
    Journey: lambda one: (MapStep.objects.filter(map__journey=one),),
}  # fmt: skip


def seen_by(user: User, source: Source) -> QuerySet[Any]:
    """The rows of a source that exist for this person. A participant's words: `finding` asks `Reading` besides."""
    return source.seen(user, source.rows())
