"""The blocks of engineers and champions on Home, what waits for them, and the thread of an object."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from statistics import median
from typing import Any

from django.db.models import Exists, OuterRef, Prefetch
from django.urls import reverse
from django.utils import timezone

from engine.models import CriterionResult, Deployment, Revision, Run, StepRun
from engine.models.step import Vote
from engine.outcomes import Asking, Needs
from engine.views import marks
from engine.views.asks import VERBS
from engine.views.live import lines
from engine.views.onboarding import onboarding
from engine.views.templates import of_others
from engine.views.wording import deadline
from journeys.grid import watched_of
from journeys.models import Journey, JourneyMap, MapVersion
from journeys.trace import reached_production
from lib.durations import in_words
from lib.statistics import FEW
from people.access import can
from people.models import Role, Team, User
from research.models import Observation, Session
from research.reading import Reading
from research.traces import traces
from server.home import thread, waiting
from server.home.page import BEGINNINGS, BLOCKS, Beginning, HomeBlock
from server.home.thread import ThreadStep
from server.home.waiting import Waiting

# --- Home ------------------------------------------------------------------------------------------------------------


def engineer(user: User) -> HomeBlock | None:
    """Ways to begin, then what is live, then what waits."""
    if not user.has_role(Role.ENGINEER):
        return None
    rows = Deployment.objects.visible_to(user).there().select_related("team", "target")
    revision = Revision.objects.published_for(user.persona)
    context = {
        "revision": revision,
        "drop": _file_input(revision) if revision else "",
        "folder": bool(revision and _takes_folder(revision)),
        "took": _people_took(user),
        "now": _takes_now(revision, user) if revision else "",
        "onboarding": onboarding(revision) if revision else None,
        **lines(rows, user),
        "rate": Deployment.objects.visible_to(user).of_persona(user.persona).rate(),
        "waiting": waiting.for_user(user)[:5],
    }
    return HomeBlock("engine/home.html", context)


def _file_input(revision: Revision) -> str:
    """The input that a file dropped on Home is for: the first one that takes a file."""
    return next((name for name, spec in revision.parsed.inputs.items() if spec.type in ("model", "file", "folder")), "")


def _takes_folder(revision: Revision) -> bool:
    return bool(name := _file_input(revision)) and revision.parsed.inputs[name].type == "folder"


def _people_took(user: User) -> str:
    """The median duration of the cases of people who were watched, with their number."""
    if user.persona is None:
        return ""
    watched = Observation.objects.of_persona(user.persona, example=_in_example(user))
    observations = watched.exclude(session__in=Session.objects.live())  # nobody knows yet how long that case takes
    cases = [sum(step.end - step.start for step in trace) for trace in traces(observations).values()]
    cases = [case for case in cases if case]
    return f"{in_words(median(cases) / 1000)} (n {len(cases)})" if len(cases) >= FEW else ""


def _takes_now(revision: Revision, user: User) -> str:
    runs = revision.runs.filter(state="succeeded", team__memberships__user=user).distinct()
    took = [run.seconds for run in (runs if _in_example(user) else runs.real())]
    if not took:
        return ""
    return f"{in_words(median(took))} (n {len(took)})" if len(took) >= FEW else f"{in_words(took[0])} the last time"


def _in_example(user: User) -> bool:
    return Team.objects.visible_to(user).filter(example=True).exists()


def champion(user: User) -> HomeBlock | None:
    """What waits in the champion's persona, and the maps with newer evidence."""
    personas = [c.persona for c in user.championed.select_related("persona")]
    if not personas:
        return None
    maps = JourneyMap.objects.filter(journey__persona__in=personas).select_related("journey__persona")
    shown = [{"map": m, "signed": m.signed, "newer": m.newer_sessions()} for m in maps]
    context: dict[str, Any] = {"personas": personas, "maps": shown, "waits_here": not user.has_role(Role.ENGINEER)}
    theirs = Deployment.objects.visible_to(user)
    rates = [(persona, theirs.filter(persona=persona).rate()) for persona in personas]
    return HomeBlock("journeys/home.html", {**context, "rates": rates, "waiting": waiting.for_user(user)[:5]})


def researcher_quotes(user: User) -> HomeBlock | None:
    """The researcher's quotes that reached production."""
    if not user.has_role(Role.RESEARCHER):
        return None
    quotes = reached_production(user)
    reading = Reading(user)
    return HomeBlock("journeys/reached.html", {"quotes": [(o, reading.quote(o)) for o in quotes]}) if quotes else None


def example(user: User) -> HomeBlock | None:
    """Says that what is shown is made up, and where it is removed."""
    team = Team.objects.visible_to(user).filter(example=True).first()
    return HomeBlock("example_home.html", {"may_remove": can(user, "change", team)}) if team else None


def from_published(user: User) -> list[Beginning]:
    """One way to begin for each published template of this person's persona."""
    if not user.has_role(Role.ENGINEER, Role.CHAMPION):
        return []
    rows = Revision.objects.filter(published_at__isnull=False).select_related("template__persona")
    newest = {r.template_id: r for r in rows.order_by("published_at")}
    mine = sorted(newest.values(), key=lambda r: (r.template.persona_id != user.persona_id, r.title))
    return [_beginning(revision, user) for revision in mine]


def _beginning(revision: Revision, user: User) -> Beginning:
    persona = revision.template.persona
    have = persona.says()["have"] if persona else "Something to run"
    url = reverse("template-start", args=[revision.template.name])
    steps = len(revision.parsed.flow.leaves())
    about = f"{revision.title}: {steps} step{'s' if steps != 1 else ''}, each told before you start"
    return Beginning(have, about, url, "Start", theirs=of_others(revision.template, user))


BLOCKS[:0] = [engineer, champion]
BLOCKS += [researcher_quotes, example]
BEGINNINGS[:0] = [from_published]


# --- what waits ------------------------------------------------------------------------------------------------------


def steps(user: User) -> Iterator[Waiting]:
    """What steps ask of this person, and the events they wait for that this person may tell."""
    rows = StepRun.objects.visible_to(user).asking().defer("checkpoint", "outputs")
    runs = Run.objects.select_related("revision__template", "team", "started_by", "deployment")
    rows = rows.prefetch_related(Prefetch("run", runs.defer("revision__document")))  # many of one run share it
    voted = Vote.objects.filter(step=OuterRef("pk"), attempt=OuterRef("attempt"), user=user)
    known: dict[Any, tuple[bool, bool]] = {}  # many ask the same people: each group is looked up once
    titles: dict[int, str] = {}
    for row in rows.exclude(Exists(voted))[: waiting.MOST_OF_SOURCE]:
        asks = row.asks
        assert asks  # only rows that ask something are read
        whom = (row.run.team_id, row.run.revision.template.persona_id, asks.by, asks.needs.barred)
        if whom not in known:
            known[whom] = row.may_answer(user), can(user, "change", row.run)
        mine, may_tell = known[whom]
        if mine or (may_tell and asks.needs.events):
            yield _waiting(row, asks, mine, titles.setdefault(row.run_id, row.run.title))


def _waiting(row: StepRun, asks: Asking, mine: bool, title: str) -> Waiting:
    until = deadline(row)
    return Waiting(
        VERBS[asks.verb] if mine else "Event", asks.question, reverse("run", args=[row.run_id]),
        row.asked_at or timezone.now(), asked_by=str(row.run.started_by or ""),
        details=" · ".join([title, *_answers_so_far(row, asks.needs)]),
        deadline=until.at if until else None, otherwise=until.otherwise if until else "", mine=mine,
    )  # fmt: skip


def _answers_so_far(row: StepRun, needs: Needs) -> Iterator[str]:
    if needs.quorum > 1:
        yield f"{row.votes.filter(attempt=row.attempt, approve=True).count()} of {needs.quorum} said yes"
    if needs.events:
        yield f"goes on when told {' or '.join(needs.events)}"


def criteria(user: User) -> Iterator[Waiting]:
    rows = CriterionResult.objects.filter(
        current=True, asking__isnull=False, deployment__removed_at=None, state="open",
        deployment__team__memberships__user=user,
        deployment__team__memberships__role__in=(Role.ENGINEER, Role.ADMIN),
    ).select_related("deployment__team", "deployment__target")  # fmt: skip
    for row in rows.distinct():
        place = row.deployment
        url = reverse("deployment", args=[place.team.slug, place.target.name, place.name])
        yield Waiting("Confirm", f"{row.title}: {place.name}", url, row.first_at, details=row.reason)


def sign_offs(user: User) -> Iterator[Waiting]:
    """Versions nobody has signed, and sign-offs that evidence has overtaken."""
    maps = JourneyMap.objects.filter(journey__persona__champions__user=user).select_related("journey")
    for map_ in maps.distinct():
        newest = map_.versions.first()
        if newest and newest.signed_at is None:
            url = reverse("journey-review", args=[map_.journey.slug, newest.pk])
            yield Waiting("Sign off", f"{map_}, version {newest.number}", url, newest.made_at)
        elif newest and newest.signed_at and (newer := map_.newer_sessions()):
            url = f"{map_.journey.get_absolute_url()}?map={map_.state}"
            details = f"{newer} session{'s' if newer > 1 else ''} newer than the sign-off"
            yield Waiting("Stale", str(map_), url, newest.signed_at, details=details)


waiting.SOURCES += [steps, criteria, sign_offs]


# --- the thread ------------------------------------------------------------------------------------------------------


def thread_of(thing: Any) -> list[ThreadStep]:
    """The rooms a journey, a template's revision or a run knows of."""
    if isinstance(thing, Journey):
        return [*_evidence(thing), *_journey(thing), *_after_journey(thing)]
    if isinstance(thing, Revision):
        journey = Journey.objects.filter(maps__steps__origins__revision=thing).distinct().first()
        before = [*_evidence(journey), *_journey(journey, here=False)] if journey else []
        return [*before, *_revision(thing, here=True)]
    return []


def _evidence(journey: Journey) -> list[ThreadStep]:
    return [{**step, "here": False, "gap": False} for step in thread.evidence(journey.study)] if journey.study else []


def _journey(journey: Journey, *, here: bool = True) -> list[ThreadStep]:
    version = MapVersion.objects.filter(map__journey=journey, signed_at__isnull=False).order_by("-signed_at").first()
    value = f"version {version.number}, signed off" if version else "not signed off"
    gap = version is None or any(map_.newer_sessions() for map_ in journey.maps.all())
    return [ThreadStep(room="Journey", value=value, url=journey.get_absolute_url(), here=here, gap=gap)]


def _after_journey(journey: Journey) -> list[ThreadStep]:
    revision = Revision.objects.filter(origins__step__map__journey=journey).order_by("-made_at").first()
    return _revision(revision, here=False) if revision else []


def _revision(revision: Revision, *, here: bool) -> list[ThreadStep]:
    runs = Run.objects.filter(revision__template=revision.template)
    finished = runs.filter(state="succeeded").count()
    url = reverse("template", args=[revision.template.name])
    known = [ThreadStep(room="Template", value=str(revision), url=url, here=here, gap=not runs.exists())]
    if runs.exists():
        known.append(
            ThreadStep(
                room="Runs",
                value=f"{runs.count()}, of which {finished} finished",
                url=reverse("runs"),
                gap=not finished,
            )
        )
        known += _outcome(runs)
    return known


def _outcome(runs: Iterable[Run]) -> list[ThreadStep]:
    """How many of the deployments of these runs are done."""
    live = Deployment.objects.there().filter(runs__in=runs).distinct()
    if not live:
        return []
    met = live.filter(state="done").count()
    return [ThreadStep(room="Outcome", value=f"{met} of {live.count()} done", url=reverse("live"))]


thread.SOURCES.append(thread_of)
marks.WATCHED.append(watched_of)  # a run says beside each step how people did it
