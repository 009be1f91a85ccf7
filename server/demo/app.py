"""The app developer's demo, shorter: the thread of an app that is pushed, changed and rolled back in a rehearsal."""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from django.utils import timezone
from rich.markup import escape

from desirepath.client import Json
from engine.models import Revision, Run
from journeys.models import JourneyMap
from server.demo.thread import Walkthrough
from server.demo.traffic import Traffic, meanwhile
from server.example import APPS, FOLDER, shelf

APP = FOLDER / "app"
VERSION = 'VERSION = "1.0"'
CHECK = "/healthz"


class AppWalk(Walkthrough):
    shipped = APPS
    name = "shelf"
    works, speaks = "teun", "noor"
    whose = "app developers"

    def walk(self) -> None:
        chapter = self.telling.chapter
        with chapter("The same for app developers: from what was seen to a template"):
            journey, _ = self.draft(self.load())
            ideal, revision = self.derive(journey)
        with chapter("Run: an app is pushed, then changed and released the way they want it"):
            self._first_live()
            run = self._prototype(revision)
        with chapter("Outcome: signed off, published, done"):
            self._publish(ideal, revision, run)
            self._finish(self.wait_until_done(), run)

    # --- the prototype test ---

    def _first_live(self) -> None:
        if self.is_live():
            self.say(f"{self.name} is live already: what is there is what a new release takes the place of")
            return
        if self.live_deployment() is None:
            self.engineer.make(self.name)
        self.engineer.configure(self.name, {"SHELF_DATABASE": str(shelf())})
        self.say(f"A file that outlasts its releases: [bold]desirepath config set {self.name} SHELF_DATABASE=…[/]")
        self.say(f"First, what is live today: [bold]desirepath push examples/app --name {self.name}[/]")
        with copied("1.0") as folder:
            self.went_live(
                self.engineer.push(
                    folder, name=self.name, template="push-app", check=CHECK, until="done", tell=self.telling.event
                )
            )
        httpx.post(f"{self.address()}/things/1/take", data={"who": "Ada"}, timeout=10)
        self.say("Ada takes a projector off the shelf: [italic]this script asks for it, in her name[/]")

    def _prototype(self, revision: Revision) -> Run:
        """The derived template on a changed app, while somebody uses the one that is live."""
        version = f"1.{self.engineer.deployment(self.name)['live']}"
        self.say(f"Now the prototype test: {revision} on a changed copy, version {version}, while it is used")
        url = self.address()
        with copied(version) as folder:
            inputs = {"app": self.engineer.upload_folder(folder), "check": CHECK}
            with meanwhile(Traffic(lambda client, _: client.get(url), most=10_000, pause=0.02)) as traffic:
                run = self.try_out(revision, inputs, {})
        self.say(f"[dim]{traffic.sent} requests were sent through both switches, {traffic.failed} failed[/]")
        return run

    # --- signed off, published, done; and what you have now ---

    def _publish(self, ideal: JourneyMap, revision: Revision, run: Run) -> None:
        self.sign_off(ideal, revision, "Tried with a real app; the way back is no longer a rumour.")
        self.say(f"[bold]{revision}[/] is published: `desirepath push` takes it from now on")
        _let_it_run(revision, run)
        self.champion.confirm_done(self.name, "looked", "it is the new version, and Ada still has her projector")
        self.say("Somebody looked at it: [italic]confirmed by hand, in Noor's name; the page shows it so[/]")

    def _finish(self, deployment: Json, run: Run) -> None:
        self.say(f"The app: {deployment['address']}")
        self.ask(deployment, lambda: httpx.get(f"{deployment['address']}{CHECK}", timeout=10).text)
        self.say("What is out is the projector that Ada took from a release before this one")
        self.say()
        self.say(f"[bold]Why is “Rehearse the way back” here?[/]  desirepath trace run {run.pk} rehearse")
        for quote in self._quotes(run, "rehearse")[:1]:
            self.say(f"  [yellow]│[/] “{escape(quote['text'])}” [dim]{quote['who']} · {quote['where']}[/]")

    def _quotes(self, run: Run, leaf: str) -> list[Json]:
        links = self.engineer.trace_run(run.pk, leaf)[0]["links"]
        return [quote for link in links for quote in link.get("quotes", []) if quote["text"]]


def _let_it_run(revision: Revision, run: Run) -> None:
    """Until it has run for as long as its criterion asks. Confirming looks at all of them; the next look is far off."""
    steady = next(leaf.with_["steady"] for leaf in revision.parsed.done if leaf.id == "steady")
    began = run.steps.get(leaf="release").ended_at
    assert began
    time.sleep(max(0.0, (began - timezone.now()).total_seconds() + steady + 0.2))


@contextmanager
def copied(version: str) -> Iterator[Path]:
    """A copy of the app that says it is this version, and takes the Python there is here: any from 3.11 on does."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "shelf"
        shutil.copytree(APP, folder, ignore=shutil.ignore_patterns("__pycache__", "*.sqlite3*", ".venv"))
        (folder / ".python-version").write_text("{}.{}\n".format(*sys.version_info))
        file = folder / "shelf" / "__init__.py"
        text = file.read_text()
        if VERSION not in text:
            raise RuntimeError(f"{file.name} of the example's app does not say {VERSION}")
        file.write_text(text.replace(VERSION, f'VERSION = "{version}"'))
        yield folder
