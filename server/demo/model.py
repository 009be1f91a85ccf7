"""The ML engineer's demo: every part of the thread, with a model that replaces another one."""

from __future__ import annotations

import csv
import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
from django.conf import settings

from desirepath import words
from desirepath.client import Json
from engine.models import Revision, Run
from engine.targets.local.machine import uv
from journeys.models import JourneyMap
from lib.environment import everything
from research.models import Observation, Study
from research.traces import by_activity
from server.demo.telling import milliseconds
from server.demo.thread import Walkthrough
from server.demo.traffic import Traffic
from server.example import MODELS
from server.installation.embedded import CHECKOUT

LABEL = "progressed"
MOST_REQUESTS = 663  # requests: the holdout three times


class ModelWalk(Walkthrough):
    shipped = MODELS
    name = "progression"
    works, speaks = "mira", "ines"
    whose = "ML engineers"

    def walk(self) -> None:
        chapter = self.telling.chapter
        with chapter("Evidence: what researchers saw"):
            study = self.load()
            self._consent(study)
        with chapter("Journey: how it is done now, found in the cases"):
            journey, current = self.draft(study)
            self._steps(study, current)
        with chapter("Template: the champion's ideal map, derived"):
            ideal, revision = self.derive(journey)
            self._leaves(revision)
        with chapter("Run: the template, tried on real work before anything is built for it"):
            files = self._train()
            self._first_live(files)
            run = self._prototype(revision, files)
        with chapter("Outcome: signed off, published, done"):
            self._publish(ideal, revision)
            deployment = self.wait_until_done()
        with chapter("What you have now"):
            self._finish(deployment, run)

    # --- evidence, maps, template ---

    def _consent(self, study: Study) -> None:
        consenting = study.participants.consenting().count()
        of = study.participants.count()
        self.say(f"Consent: {consenting} of {of} agreed to be quoted, to everybody in the company")

    def _steps(self, study: Study, current: JourneyMap) -> None:
        numbers = by_activity(Observation.objects.of_study(study))
        people = study.participants.count()
        for step in current.steps.all():
            number = numbers[step.key]
            pips = "●" * number.people + "○" * (people - number.people)
            time_ = f"{milliseconds(number.median)} (p90 {milliseconds(number.p90)})"
            pain = f"[yellow]{number.pains[0].text} · {number.pains[0].people} of {people}[/]" if number.pains else ""
            again = f"again {number.rework}×" if number.rework else ""
            self.say(f"{step.title:<22} [yellow]{pips}[/] {number.observations:>3}  {time_:<24} {again:<9} {pain}")

    def _leaves(self, revision: Revision) -> None:
        for leaf in revision.parsed.flow.leaves():
            self.say(f"{leaf.name:<24} {leaf.uses:<22} [yellow]{len(leaf.evidence):>2} pieces of evidence[/]")
        self.say(f"Checked: it can be run. Digest {revision.digest[:12]}")

    # --- the prototype test ---

    def _train(self) -> Path:
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

    def _first_live(self, files: Path) -> None:
        """Something is live already, as in any team: the model to be replaced."""
        if self.is_live():
            self.say(f"{self.name} is live already: what is there is what the new model is compared with")
            return
        self.say(f"First, what is live today: [bold]desirepath serve linear.pkl --name {self.name}[/]")
        self.went_live(
            self.engineer.serve(
                files / "linear.pkl", data=files / "holdout.csv", label=LABEL, name=self.name, template="serve-model",
                until="done", tell=self.telling.event,
            )
        )  # fmt: skip

    def _prototype(self, revision: Revision, files: Path) -> Run:
        """The derived template on a real workload; people's answers are given by this script, in their names."""
        self.say(f"Now the prototype test: {revision} on shallow.pkl, beside what is live")
        inputs = {
            "model": self.engineer.upload(files / "shallow.pkl"),
            "holdout": self.engineer.upload(files / "holdout.csv"),
            "label": LABEL,
        }
        answers = {"retrain": lambda run, step: self._retrain(run, files), "owner": self._approve}
        replay = Replay(self, files / "holdout.csv")
        return self.try_out(revision, inputs, answers, replay.on_event)

    def _retrain(self, run: int, files: Path) -> None:
        self.telling.answered("retrain", "done by hand: [italic]this script hands in forest.pkl, in Ines's name[/]")
        values = {"model": files / "forest.pkl"}
        self.champion.confirm(run, "retrain", values, "a forest on all ten features")

    def _approve(self, run: int, step: Json) -> None:
        self.telling.answered("owner", f"{step['asking']['question']} [italic]This script says yes, in Ines's name[/]")
        self.champion.approve(run, "owner", "the interval is above nothing lost")

    # --- signed off, published, done; and what you have now ---

    def _publish(self, ideal: JourneyMap, revision: Revision) -> None:
        self.sign_off(ideal, revision, "Tried with a real model; this is how we want it.")
        self.say(f"[bold]{revision}[/] is published: `desirepath serve` takes it from now on")
        self.champion.confirm_done(self.name, "drift", "looked at by hand until a drift check is built")
        self.say("Drift is watched: [italic]confirmed by hand, in Ines's name; the page shows it so[/]")

    def _finish(self, deployment: Json, run: Run) -> None:
        self.say(f"The endpoint: {deployment['address']}")
        self.ask(deployment, lambda: _post(deployment))
        self.say()
        self.say(f"[bold]Why is “Match features” here?[/]  desirepath trace run {run.pk} parity")
        for line in words.thread(self.engineer.trace_run(run.pk, "parity")[0]["links"]):
            self.say(f"  {line}")


class Replay:
    """Sends the holdout, a row a request, from when the new model gets a tenth until the comparison has ended."""

    def __init__(self, walk: ModelWalk, table: Path) -> None:
        self.walk, self.table = walk, table
        self.traffic: Traffic | None = None

    def on_event(self, event: Json) -> None:
        if event["kind"] == "step.succeeded" and event["leaf"] == "tenth":
            self.walk.say("Replaying the holdout as traffic, a row a request")
            self.traffic = self._traffic()
            self.traffic.start()
        elif event["kind"].startswith("step.") and event["leaf"] == "compare" and self.traffic and _is_over(event):
            self.traffic.stop()
            self.walk.say(f"[dim]{self.traffic.sent} requests were sent, {self.traffic.failed} failed[/]")

    def _traffic(self) -> Traffic:
        url, rows = f"{self.walk.address()}/predict", list(_rows(self.table))
        return Traffic(lambda client, n: client.post(url, json={"rows": [rows[n % len(rows)]]}), MOST_REQUESTS)


def _is_over(event: Json) -> bool:
    return event["kind"] in ("step.succeeded", "step.failed", "step.cancelled")


def _rows(table: Path) -> Iterator[Json]:
    with table.open(newline="") as stream:
        for row in csv.DictReader(stream):
            yield {key: value if key == "sex" else float(value) for key, value in row.items() if key != LABEL}


def _quiet(command: list[str]) -> None:
    process = subprocess.run(command, capture_output=True, text=True, check=False, env=everything(UV_NO_CONFIG="1"))
    if process.returncode:
        raise RuntimeError(f"{Path(command[0]).name} failed: {process.stderr.strip()[-600:]}")


def _post(deployment: Json) -> str:
    """The answer to the printed command where there is no curl."""
    body = deployment["call"].rsplit("-d '", 1)[1].rstrip("'").replace("'\\''", "'")
    return httpx.post(f"{deployment['address']}/predict", json=json.loads(body), timeout=10).text
