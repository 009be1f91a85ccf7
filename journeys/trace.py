"""The thread, both ways: why is this step here, and what came of this quote.

Every neighbour is looked up for one reader: what they may not see is not there, and a quote is read through consent.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.urls import reverse

from engine.models import Deployment, Revision, Run, StepRun
from engine.statuses import MARKS, DeploymentState
from journeys.models import MapStep, Origin
from lib.durations import in_words
from research.models import Insight, Observation
from research.reading import Quote, Reading

if TYPE_CHECKING:
    from people.models import User

MOST_QUOTES = 5


@dataclass(frozen=True)
class Evidence:
    """People as pips, observations as a number."""

    people: int
    of: int
    observations: int


@dataclass(frozen=True)
class Link:
    """One object on the thread, in a reader's words."""

    kind: str  # Outcome, Run, Template, Journey, Insight, Evidence
    title: str
    detail: str = ""
    url: str = ""
    state: str = ""  # a mark
    state_word: str = ""
    stale: str = ""  # why the line to it is dashed
    evidence: Evidence | None = None
    quotes: tuple[Quote, ...] = ()
    trace_url: str = ""  # the same thread, read from there

    def as_dict(self) -> dict[str, Any]:
        """For the API and `--json`."""
        document: dict[str, Any] = {"kind": self.kind, "title": self.title, "detail": self.detail, "url": self.url}
        if self.stale:
            document["stale"] = self.stale
        if self.evidence:
            document["people"], document["observations"] = self.evidence.people, self.evidence.observations
        if self.quotes:
            document["quotes"] = [
                {"text": q.text, "who": q.who, "where": q.where, "why_not": q.why} for q in self.quotes
            ]
        return document


@dataclass(frozen=True)
class Thread:
    title: str
    links: list[Link] = field(default_factory=list)
    gap: str = ""  # why it ends before it reaches evidence

    def as_dict(self) -> dict[str, Any]:
        return {"title": self.title, "links": [link.as_dict() for link in self.links], "gap": self.gap}


# --- down: why is this here? -----------------------------------------------------------------------------------------


def why_run_step(step: StepRun, user: User) -> Thread:
    """From a step of a run down to the second somebody needed it."""
    run = step.run
    links = [*_outcome(run.deployment), _run_link(step), _template_link(run.revision, step.leaf)]
    below, gap = _below(run.revision, step.leaf, user)
    return Thread(f"Why is “{step.title}” here?", [*links, *below], gap)


def why_run(run: Run, user: User) -> list[Thread]:
    """The thread of every leaf of a run that has been opened, in the flow's order."""
    rows = {row.leaf: row for row in run.steps.filter(purpose=StepRun.Purpose.LEAF).select_related("run__revision")}
    return [why_run_step(rows[leaf.id], user) for leaf in run.flow.leaves() if leaf.id in rows]


def why_leaf(revision: Revision, leaf: str, user: User) -> Thread:
    """From a template's leaf down."""
    below, gap = _below(revision, leaf, user)
    title = revision.parsed.flow.leaf(leaf).name
    return Thread(f"Why is “{title}” here?", [_template_link(revision, leaf), *below], gap)


def _below(revision: Revision, leaf: str, user: User) -> tuple[list[Link], str]:
    origin = Origin.objects.filter(revision=revision, leaf=leaf).select_related("step__map__journey", "version").first()
    if origin is None:
        named = revision.parsed.flow.leaf(leaf).evidence
        links = _named_evidence(named, user)
        return links, "" if links else "This step is linked to no journey: its template was not derived from one."
    return [_journey_link(origin), *_insights(origin.step), *_evidence(origin.step, user)], ""


def _outcome(deployment: Deployment | None) -> list[Link]:
    if deployment is None:
        return []
    results = list(deployment.results.filter(current=True).values_list("state", flat=True))
    met = f"{results.count('met')} of {len(results)} criteria met" if results else "not judged yet"
    word = DeploymentState(deployment.state).label
    url = reverse("deployment", args=[deployment.team.slug, deployment.target.name, deployment.name])
    return [Link("Outcome", deployment.name, met, url, MARKS[deployment.state], word)]


def _run_link(step: StepRun) -> Link:
    took = f"took {in_words(step.seconds)}" if step.seconds is not None and step.ended_at else step.get_state_display()
    detail = f"{took}{' · ' + step.note if step.note else ''}"
    url = reverse("run-step", args=[step.run_id, step.pk])
    return Link("Run", step.title, detail, url, MARKS[step.state], step.get_state_display())


def _template_link(revision: Revision, leaf: str) -> Link:
    place = [each.id for each in revision.parsed.flow.leaves()].index(leaf) + 1
    by = f", published by {revision.published_by.name}" if revision.published_by else ""
    published = by if revision.published_at else ", a draft"
    url = reverse("template", args=[revision.template.name])
    return Link("Template", str(revision), f"step {place}{published}", url)


def _journey_link(origin: Origin) -> Link:
    map_, version = origin.step.map, origin.version
    signed = f", signed off by {version.signed_by.name}" if version.signed_by else ", not signed off"
    newer = map_.newer_sessions()
    stale = f"{newer} session{'s' if newer > 1 else ''} newer than the sign-off" if newer else ""
    detail = f"{map_.get_state_display().lower()} map version {version.number}{signed}"
    return Link(
        "Journey", f"“{origin.step.title}”", detail, f"{map_.journey.get_absolute_url()}#{map_.state}", stale=stale
    )


def _insights(step: MapStep) -> list[Link]:
    return [
        Link(
            "Insight",
            insight.title,
            "",
            insight.get_absolute_url(),
            evidence=Evidence(insight.people, 0, insight.observed),
        )
        for insight in step.insights.order_by("pk")
    ]


def _evidence(step: MapStep, user: User) -> list[Link]:
    observations = step.evidence_rows().for_reading()
    return [_evidence_link(observations, user, _people_of(step))] if observations.exists() else []


def _people_of(step: MapStep) -> int:
    study = step.map.journey.study
    return study.participants.filter(persona=step.map.journey.persona).count() if study else 0


def _evidence_link(observations: Iterable[Observation], user: User, of: int) -> Link:
    """The quotes first; where nothing was said, what was seen."""
    rows = list(observations)
    reading = Reading(user)
    spoken = [row for row in rows if row.quote] or [row for row in rows if row.text]
    first = sorted(spoken, key=lambda row: (not row.marked, row.session_id, row.at))[:MOST_QUOTES]
    people = len({row.participant_id for row in rows})
    url = reverse("trace", args=["observation", first[0].pk]) if first else ""
    return Link(
        "Evidence", f"{len(rows)} observations of {people} people",
        evidence=Evidence(people, max(of, people), len(rows)), quotes=tuple(reading.quotes(first)), trace_url=url,
    )  # fmt: skip


def _named_evidence(ids: Iterable[str], user: User) -> list[Link]:
    """Of a template that was not derived here: what its UUIDs resolve to; the rest is "from elsewhere"."""
    wanted = [uuid for text in ids if (uuid := _uuid(text))]
    rows = list(Observation.objects.usable().filter(pk__in=wanted).for_reading())
    insights = Insight.objects.visible_to(user).filter(uuid__in=wanted)
    links = [Link("Insight", insight.title, "", insight.get_absolute_url()) for insight in insights]
    links += [_evidence_link(rows, user, 0)] if rows else []
    elsewhere = len(wanted) - len(rows) - len(insights)
    return (
        [*links, Link("Evidence", f"{elsewhere} from elsewhere", "written in another Desirepath")]
        if elsewhere
        else links
    )


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except (ValueError, ValidationError):
        return None


# --- up: what came of this? ------------------------------------------------------------------------------------------


def what_came_of(observation: Observation, user: User) -> Thread:
    """The thread from an observation up to every run that rests on it."""
    quote = Reading(user).quote(observation)
    links = [Link("Evidence", quote.who, quote.where, quote.url, quotes=(quote,))]
    steps = MapStep.objects.filter(evidence=observation).select_related("map__journey")
    links += [
        Link("Insight", insight.title, "", insight.get_absolute_url())
        for insight in Insight.objects.visible_to(user).filter(evidence=observation).distinct()
    ]
    links += [
        Link("Journey", f"“{step.title}”", f"{step.map}", f"{step.map.journey.get_absolute_url()}#{step.map.state}")
        for step in steps
    ]
    links += _above(steps, user)
    gap = "" if len(links) > 1 else "Nothing rests on it yet: tie it to an insight, or draft a map from its study."
    return Thread("What came of this?", links, gap)


def _above(steps: Iterable[MapStep], user: User) -> list[Link]:
    origins = Origin.objects.filter(step__in=steps).select_related("revision__template").order_by("revision", "leaf")
    links, runs = [], StepRun.objects.none()
    for origin in origins:
        links.append(_template_link(origin.revision, origin.leaf))
        runs = runs | StepRun.objects.visible_to(user).filter(run__revision=origin.revision, leaf=origin.leaf)
    rows = list(runs.distinct().select_related("run__revision", "run__deployment").order_by("-pk")[:50])
    links += [_run_link(row) for row in rows]
    deployments = Deployment.objects.visible_to(user).filter(runs__in=[row.run_id for row in rows]).distinct()
    return [*links, *(link for deployment in deployments for link in _outcome(deployment))]


def reached_production(user: User, *, most: int = 5) -> list[Observation]:
    """Quotes that rest under a template which has put something live: what a researcher likes to see."""
    live = Revision.objects.filter(runs__releases__weight__gt=0, runs__team__memberships__user=user)
    quotes = Observation.objects.usable().filter(quote=True, map_steps__origins__revision__in=live).distinct()
    return list(Reading(user).readable(quotes).for_reading().order_by("-marked", "-made_at")[:most])
