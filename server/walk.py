"""The main job: the whole thread, walked once in the terminal on real work, from the example's evidence to an answer.

Evidence, maps and sign-off are the rooms' own verbs; everything that runs goes through the same API that a terminal or
a notebook uses. Where a person has to answer, the script answers in that person's name and says so.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from django.conf import settings
from django.utils import timezone
from knox.models import AuthToken
from rich.console import Console
from rich.markup import escape

from desirepath import place, words
from desirepath.client import Desirepath, Json
from engine import durations
from engine.flow import Choose, Foreach, Leaf, Node, Parallel, Repeat, Sequence, Sub
from engine.models import Revision, Run, Template
from engine.targets.local.environments import uv
from journeys.actions.derive import DeriveTemplate
from journeys.actions.draft import DraftCurrent
from journeys.actions.import_ideal import ImportIdeal
from journeys.models import Journey, JourneyMap, MapVersion, SessionRun
from people.models import User
from research.models import Observation, Session, Study
from server import example
from server.embedded import CHECKOUT, Embedded

NAME = "progression"  # what the example's model is called where it is live
LABEL = "progressed"


@dataclass
class Walk:
    """One walk. The steps below are called in order by `manage.py walk`."""

    out: Console
    embedded: Embedded | None = None
    people: dict[str, User] = field(default_factory=dict)
    began: float = field(default_factory=time.monotonic)

    # --- telling ---

    @contextmanager
    def chapter(self, number: int, title: str) -> Iterator[None]:
        start = time.monotonic()
        self.out.print(f"\n[magenta]{'△' if number == 1 else '○'}[/] [bold]{number} · {title}[/]")
        yield
        self.out.print(f"  [dim]{words.duration(time.monotonic() - start)}[/]")

    def say(self, text: str) -> None:
        self.out.print(f"  {text}")

    def plain(self, text: str) -> None:
        """Somebody else's words, as they are."""
        self.out.print(f"    {text}", markup=False)

    # --- 1 evidence ---

    def load(self) -> Study:
        self.people = example.people()
        study = example.LoadExample().execute()
        sessions = study.sessions.exclude(sort=Session.Sort.PROTOTYPE)
        seen = Observation.objects.of_study(study)
        counts = {label: sessions.filter(sort=sort).count() for sort, label in Session.Sort.choices}
        kinds = " and ".join(f"{count} {label.lower()}" for label, count in counts.items() if count)
        people = study.participants.count()
        self.say(f"{study.title}: {kinds} sessions, {people} people, {seen.count()} observations")
        consenting = study.participants.consenting().count()
        self.say(
            f"Consent: {consenting} of {study.participants.count()} agreed to be quoted, to everybody in the company"
        )
        return study

    # --- 2 the current map ---

    def draft(self, study: Study) -> Journey:
        persona = study.persona
        journey, _ = Journey.objects.get_or_create(
            slug="model-to-production",
            defaults={"persona": persona, "study": study, "title": "From a trained model to production traffic"},
        )
        current = DraftCurrent(journey).execute()
        numbers = Observation.objects.of_study(study).by_activity()
        self.say(f"Found in {len(Observation.objects.of_study(study).traces())} cases: {outline(current.root)}")
        people = study.participants.count()
        for step in current.steps.all():
            found = numbers[step.key]
            pips = "●" * found.people + "○" * (people - found.people)
            time_ = f"{_ms(found.median)} (p90 {_ms(found.p90)})"
            pain = f"[yellow]{found.pains[0].text} · {found.pains[0].people} of {people}[/]" if found.pains else ""
            again = f"again {found.rework}×" if found.rework else ""
            self.say(f"{step.title:<22} [yellow]{pips}[/] {found.observations:>3}  {time_:<24} {again:<9} {pain}")
        return journey

    # --- 3 the ideal map, the template ---

    def derive(self, journey: Journey) -> tuple[JourneyMap, Revision]:
        ideal = ImportIdeal(journey, example.ideal()).execute()
        revision = DeriveTemplate(ideal, self.people["ines"]).execute()
        Template.objects.filter(pk=revision.template_id, example=False).update(example=True)
        leaves = revision.parsed.flow.leaves()
        self.say(f"The champion's ideal map becomes [bold]{revision}[/]: {outline(ideal.root)}")
        for leaf in leaves:
            self.say(f"{leaf.name:<24} {leaf.uses:<22} [yellow]{len(leaf.evidence):>2} pieces of evidence[/]")
        self.say(f"Checked: it can be run. Digest {revision.digest[:12]}")
        return ideal, revision

    # --- 4 the prototype test ---

    def train(self) -> Path:
        """The example's models, trained once for this home in an environment of their own."""
        lock = CHECKOUT / "requirements" / "examples.txt"
        script = CHECKOUT / "examples" / "model" / "train.py"
        digest = hashlib.sha256(lock.read_bytes() + script.read_bytes()).hexdigest()[:12]
        folder = settings.DESIREPATH_HOME / "examples" / digest
        if (folder / "holdout.csv").exists():
            self.say("The example's models are trained already")
            return Path(folder)
        python = settings.DESIREPATH_HOME / "environments" / f"examples-{digest}"
        self.say("Building an environment with scikit-learn (locked by hash)")
        _quiet([uv(), "venv", "-q", "--clear", "--python", sys.executable, str(python)])
        _quiet([uv(), "pip", "sync", "-q", "--require-hashes", "--python", str(python / "bin/python"), str(lock)])
        self.say("Training on the diabetes study: 442 people, half of them held out")
        _quiet([str(python / "bin/python"), str(script), str(folder)])
        return Path(folder)

    def first_live(self, client: Desirepath, files: Path) -> None:
        """Something is live already, as in any team: the model to be replaced."""
        if client.ls(name=NAME):
            self.say(f"{NAME} is live already: what is there is what the new model is compared with")
            return
        self.say(f"First, what is live today: [bold]desirepath serve linear.pkl --name {NAME}[/]")
        served = client.serve(
            files / "linear.pkl", data=files / "holdout.csv", label=LABEL, name=NAME, template="serve-model",
            until="done", tell=self._tell,
        )  # fmt: skip
        if served.run["state"] != "succeeded":
            raise RuntimeError(f"the first model did not go live: {served.run['reason']}")

    def prototype(self, client: Desirepath, champion: Desirepath, revision: Revision, files: Path) -> Run:
        """The derived template on a real workload; people's answers are given by this script, in their names."""
        self.say(f"Now the prototype test: {revision} on shallow.pkl, beside what is live")
        inputs = {
            "model": client.upload(files / "shallow.pkl"),
            "holdout": client.upload(files / "holdout.csv"),
            "label": LABEL,
        }
        started = client.start(inputs, template=revision.template.name, revision=revision.number, name=NAME)
        answers: dict[str, Callable[[Json], None]] = {
            "retrain": lambda step: self._retrain(champion, started["id"], files),
            "owner": lambda step: self._approve(champion, started["id"], step),
        }
        self._accompany(client, started["id"], answers, files / "holdout.csv")
        run = Run.objects.get(pk=started["id"])
        if run.state != "succeeded":
            raise RuntimeError(f"run {run.pk} {run.state}: {run.reason}")
        self._note_session(run)
        return run

    def _accompany(self, client: Desirepath, run: int, answers: dict[str, Callable[[Json], None]], rows: Path) -> None:
        """Follow the run; answer what it asks; send the holdout as traffic while it compares."""
        asked: set[int] = set()
        traffic: Traffic | None = None
        for event in client.events(run):
            if event is not None:
                self._tell(event)
                if event["kind"] == "step.succeeded" and event["leaf"] == "tenth":
                    address = client.ls(name=NAME)[0]["address"]
                    self.say("Replaying the holdout as traffic, a row a request")
                    traffic = Traffic(f"{address}/predict", rows)
                    traffic.start()
                continue
            found = client.run(run)
            for step in found["steps"]:
                if step["asking"] and step["id"] not in asked and step["leaf"] in answers:
                    asked.add(step["id"])
                    answers[step["leaf"]](step)
                if step["leaf"] == "compare" and step["state"] == "succeeded" and traffic:
                    traffic.stop()
                    self.say(f"[dim]{traffic.sent} requests were sent, {traffic.failed} failed[/]")
                    traffic = None
            if found["state"] in ("succeeded", "failed", "cancelled"):
                return
            if self.embedded:
                self.embedded.keep_alive()
            time.sleep(0.1)

    def _tell(self, event: Json) -> None:
        kind, leaf = event["kind"], event["leaf"]
        if kind in ("step.succeeded", "step.failed", "step.skipped", "step.retrying") and leaf:
            self.say(f"{words.sign(kind.split('.')[1])} {leaf:<10} {escape(event['text'])}")
        elif kind == "step.log":
            self.say(f"[dim]  {leaf:<10} {escape(event['text'])}[/]")
        elif kind == "traffic.shifted" and event["text"]:
            self.say(f"[blue]⇉[/] {'':<10} {escape(event['text'])}")

    def _retrain(self, champion: Desirepath, run: int, files: Path) -> None:
        self.say("[yellow]■[/] retrain    done by hand: [italic]this script hands in forest.pkl, in Ines's name[/]")
        values = {"model": files / "forest.pkl"}
        champion.confirm(run, "retrain", values, "a forest on all ten features")

    def _approve(self, champion: Desirepath, run: int, step: Json) -> None:
        self.say(
            f"[yellow]■[/] owner      {step['asking']['question']} [italic]This script says yes, in Ines's name[/]"
        )
        champion.approve(run, "owner", "the interval is above nothing lost")

    def _note_session(self, run: Run) -> None:
        """A prototype test is a session too: it is where the template was tried."""
        study = Study.objects.get(example=True, journeys__slug="model-to-production")
        session = Session.objects.create(
            study=study, sort=Session.Sort.PROTOTYPE, watcher=self.people["remy"],
            about=f"Prototype test: run {run.pk}", started_at=run.started_at, ended_at=run.ended_at,
            reviewed_at=timezone.now(),
        )  # fmt: skip
        SessionRun.objects.create(session=session, run=run)

    # --- 5 signed off, published, done ---

    def publish(self, ideal: JourneyMap, revision: Revision, champion: Desirepath) -> Json:
        version = MapVersion.objects.filter(origins__revision=revision).latest("number")
        version.sign_off(self.people["ines"], "Tried with a real model; this is how we want it.")
        self.say(f"Ines signs off the {ideal.get_state_display().lower()} map, version {version.number} (in her name)")
        champion.publish(revision.template.name, revision.number)
        self.say(f"[bold]{revision}[/] is published: `desirepath serve` takes it from now on")
        champion.confirm_done(NAME, "drift", "looked at by hand until a drift check is built")
        self.say("Drift is watched: [italic]confirmed by hand, in Ines's name; the page shows it so[/]")
        return self._wait_until_done(champion)

    def _wait_until_done(self, champion: Desirepath) -> Json:
        deadline = time.monotonic() + 30
        while (found := champion.deployment(NAME))["state"] != "done" and time.monotonic() < deadline:
            time.sleep(0.2)
        for row in found["criteria"]:
            self.say(f"{words.sign(row['state'])} {row['title']:<26} [dim]{escape(row['reason'])}[/]")
        if found["state"] != "done":
            raise RuntimeError(f"{NAME} is {found['state']}, not done")
        self.say(f"[green]◎[/] [bold]{NAME} {found['live']} is done[/], by the ML engineers' own criteria")
        return found

    # --- 6 what you have now ---

    def finish(self, deployment: Json, run: Run, client: Desirepath) -> None:
        assert self.embedded
        self.say(f"The endpoint: {deployment['address']}")
        self.plain(deployment["call"])
        answer = subprocess.run(["/bin/sh", "-c", deployment["call"]], capture_output=True, text=True, check=False)
        said = answer.stdout or _post(deployment)
        self.plain(said)
        self.out.print()
        self.say("[bold]Why is “Match features” here?[/]  desirepath trace run " + f"{run.pk} parity")
        for line in words.thread(client.trace_run(run.pk, "parity")[0]["links"]):
            self.say(f"  {line}")
        kept = place.keep(self.embedded.url, client.place.token)
        self.out.print()
        self.say(f"The pages: [bold]{self.embedded.url}[/]")
        self.say(
            f"Sign in as mira (engineer), ines (champion) or remy (researcher); password [bold]{example.password()}[/]"
        )
        self.say(f"This terminal is signed in as mira ({kept}); try [bold].venv/bin/desirepath ls[/]")
        self.out.print(f"\n[dim]The whole walk took {words.duration(time.monotonic() - self.began)}.[/]")


class Traffic(threading.Thread):
    """Sends each row of a table as a request, the table at most three times, until stopped."""

    MOST = 663  # the holdout three times

    def __init__(self, url: str, table: Path) -> None:
        super().__init__(daemon=True)
        self.url, self.table = url, table
        self.sent = self.failed = 0
        self.ending = threading.Event()

    def run(self) -> None:
        rows = list(_rows(self.table))
        with httpx.Client(timeout=10) as client:
            while not self.ending.is_set() and self.sent < self.MOST:
                row = rows[self.sent % len(rows)]
                try:
                    self.failed += client.post(self.url, json={"rows": [row]}).status_code != 200
                except httpx.HTTPError:
                    self.failed += 1
                self.sent += 1

    def stop(self) -> None:
        self.ending.set()
        self.join(timeout=15)


def _rows(table: Path) -> Iterator[Json]:
    import csv

    with table.open(newline="") as stream:
        for row in csv.DictReader(stream):
            yield {key: value if key == "sex" else float(value) for key, value in row.items() if key != LABEL}


def client_for(user: User, url: str) -> Desirepath:
    """The API as this person, with a token of their own."""
    _, token = AuthToken.objects.create(user)
    return Desirepath(url, token)


def outline(node: Node) -> str:
    """A flow in one line: steps by arrows, what runs at once in brackets, what repeats with its bound."""
    match node:
        case Leaf():
            return node.name
        case Sequence(children=nodes):
            return " → ".join(outline(child) for child in nodes) or "nothing"
        case Parallel(branches=branches):
            return f"[{' ‖ '.join(outline(b) for b in branches)}]".replace("[", r"\[")
        case Choose():
            return f"({' | '.join(outline(b.flow) for b in node.branches)})"
        case Foreach():
            return f"(for each {node.name}: {outline(node.flow)})"
        case Sub():
            return outline(node.flow)
        case Repeat():
            again = f" ⟲ {outline(node.again)}" if node.again != Sequence() else ""
            return f"({outline(node.flow)}{again}, at most {node.at_most})"


def _ms(milliseconds: float | None) -> str:
    return durations.said(milliseconds / 1000) if milliseconds is not None else "–"


def _quiet(command: list[str]) -> None:
    found = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, "UV_NO_CONFIG": "1"}
    )
    if found.returncode:
        raise RuntimeError(f"{Path(command[0]).name} failed: {found.stderr.strip()[-600:]}")


def _post(deployment: Json) -> str:
    """The answer to the printed command where there is no curl."""
    body = deployment["call"].rsplit("-d '", 1)[1].rstrip("'").replace("'\\''", "'")
    return httpx.post(f"{deployment['address']}/predict", json=json.loads(body), timeout=10).text
