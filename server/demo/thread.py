"""The part of the demo that all personas share: evidence, maps, template, run, sign-off, done."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

from django.utils import timezone
from knox.models import AuthToken
from rich.markup import escape

from desirepath import words
from desirepath.client import Desirepath, Json, Served
from engine.models import Revision, Run, Template
from journeys.actions.derive import DeriveTemplate
from journeys.actions.draft import DraftCurrent
from journeys.actions.import_ideal import ImportIdeal
from journeys.models import Journey, JourneyMap, MapVersion, SessionRun
from people.models import User
from research.models import Observation, Session, Study
from research.traces import traces
from server.demo.telling import Telling, outline
from server.example import WATCHER, LoadExample, Shipped
from server.installation.embedded import Embedded

ENDED = ("succeeded", "failed", "cancelled")
Answer = Callable[[int, Json], None]  # to what a step of that run asks


@dataclass
class Walkthrough:
    shipped: ClassVar[Shipped]
    name: ClassVar[str]  # what its deployment is called
    works: ClassVar[str]  # who works with it, and
    speaks: ClassVar[str]  # who speaks for the persona,
    whose: ClassVar[str]  # as people call it: "ML engineers"

    telling: Telling
    embedded: Embedded
    people: Mapping[str, User]

    @cached_property
    def engineer(self) -> Desirepath:
        return client_for(self.people[self.works], self.embedded.url)

    @cached_property
    def champion(self) -> Desirepath:
        return client_for(self.people[self.speaks], self.embedded.url)

    @property
    def champions_name(self) -> str:
        return self.people[self.speaks].name

    def say(self, text: str = "") -> None:
        self.telling.say(text)

    # --- evidence, maps, template ---

    def load(self) -> Study:
        study = LoadExample(self.shipped).execute()
        sessions = study.sessions.exclude(sort=Session.Sort.PROTOTYPE)
        observations = Observation.objects.of_study(study)
        counts = {label: sessions.filter(sort=sort).count() for sort, label in Session.Sort.choices}
        kinds = " and ".join(f"{count} {label.lower()}" for label, count in counts.items() if count)
        people = study.participants.count()
        self.say(f"{study.title}: {kinds} sessions, {people} people, {observations.count()} observations")
        return study

    def draft(self, study: Study) -> tuple[Journey, JourneyMap]:
        named = self.shipped.journey()
        journey, _ = Journey.objects.get_or_create(
            slug=named["slug"], defaults={"persona": study.persona, "study": study, "title": named["title"]}
        )
        current = DraftCurrent(journey).execute()
        self.say(f"Found in {len(traces(Observation.objects.of_study(study)))} cases: {outline(current.root)}")
        return journey, current

    def derive(self, journey: Journey) -> tuple[JourneyMap, Revision]:
        ideal = ImportIdeal(journey, self.shipped.ideal()).execute()
        revision = DeriveTemplate(ideal, self.people[self.speaks]).execute()
        Template.objects.filter(pk=revision.template_id, example=False).update(example=True)
        self.say(f"The champion's ideal map becomes [bold]{revision}[/]: {outline(ideal.root)}")
        return ideal, revision

    # --- runs ---

    def live_deployment(self) -> Json | None:
        """Its deployment, where somebody has named it already."""
        return next(iter(self.engineer.ls(name=self.name)), None)

    def is_live(self) -> bool:
        deployment = self.live_deployment()
        return deployment is not None and deployment["live"] is not None

    def address(self) -> str:
        return str(self.engineer.deployment(self.name)["address"])

    def went_live(self, served: Served) -> None:
        if served.run["state"] != "succeeded":
            raise RuntimeError(f"{self.name} did not go live: {served.run['reason']}")

    def try_out(
        self,
        revision: Revision,
        inputs: Json,
        answers: Mapping[str, Answer],
        on_event: Callable[[Json], None] | None = None,
    ) -> Run:
        """A prototype test: run this revision, whether it is published or not, and note the session it was."""
        template, number = revision.template.name, revision.number
        started = self.engineer.start(inputs, template=template, revision=number, name=self.name)
        self._accompany(started["id"], answers, on_event)
        run = Run.objects.get(pk=started["id"])
        if run.state != "succeeded":
            raise RuntimeError(f"run {run.pk} {run.state}: {run.reason}")
        self._note_session(run)
        return run

    def _accompany(self, run: int, answers: Mapping[str, Answer], on_event: Callable[[Json], None] | None) -> None:
        """Follow the run and answer what it asks."""
        asked: set[int] = set()
        ended = False
        for event in self.engineer.events(run):
            if event is not None:
                self.telling.event(event)
                if on_event:
                    on_event(event)
                continue
            if ended:
                return
            answer = self.engineer.run(run)
            for step in answer["steps"]:
                if step["asking"] and step["id"] not in asked and step["leaf"] in answers:
                    asked.add(step["id"])
                    answers[step["leaf"]](run, step)
            ended = answer["state"] in ENDED  # what happened since the last event was read is told before that
            self.embedded.keep_alive()
            time.sleep(0.1)

    def _note_session(self, run: Run) -> None:
        """A prototype test is a session too: it is where the template was tried."""
        study = Study.objects.get(example=True, title=self.shipped.title)
        session = Session.objects.create(
            study=study, sort=Session.Sort.PROTOTYPE, watcher=self.people[WATCHER],
            about=f"Prototype test: run {run.pk}", started_at=run.started_at, ended_at=run.ended_at,
            reviewed_at=timezone.now(),
        )  # fmt: skip
        SessionRun.objects.create(session=session, run=run)

    # --- signed off, published, done ---

    def sign_off(self, ideal: JourneyMap, revision: Revision, why: str) -> None:
        version = MapVersion.objects.filter(origins__revision=revision).latest("number")
        version.sign_off(self.people[self.speaks], why)
        state = ideal.get_state_display().lower()
        self.say(f"{self.champions_name} signs off the {state} map, version {version.number} (in her name)")
        self.champion.publish(revision.template.name, revision.number)

    def wait_until_done(self) -> Json:
        deadline = time.monotonic() + 90  # the look after the next comes 15 s later, on a busy machine later still
        while (deployment := self.champion.deployment(self.name))["state"] != "done" and time.monotonic() < deadline:
            time.sleep(0.2)
        for row in deployment["criteria"]:
            self.say(f"{words.sign(row['state'])} {row['title']:<26} [dim]{escape(row['reason'])}[/]")
        if deployment["state"] != "done":
            raise RuntimeError(f"{self.name} is {deployment['state']}, not done")
        self.say(f"[green]◎[/] [bold]{self.name} {deployment['live']} is done[/], by the {self.whose}' own criteria")
        return deployment

    # --- what there is now ---

    def ask(self, deployment: Json, without_curl: Callable[[], str]) -> None:
        """The command that asks what is live, and what it answers."""
        self.telling.plain(deployment["call"])
        answer = subprocess.run(["/bin/sh", "-c", deployment["call"]], capture_output=True, text=True, check=False)
        self.telling.plain((answer.stdout or without_curl()).strip())


def client_for(user: User, url: str) -> Desirepath:
    """The API as this person, with a token of their own."""
    _, token = AuthToken.objects.create(user)
    return Desirepath(url, token)
