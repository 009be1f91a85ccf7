"""The app developer's walk, shorter: the same thread for an app that is pushed, changed, and taken back on trial."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from rich.markup import escape

from desirepath.client import Json
from engine.models import Revision, Run
from journeys.models import JourneyMap
from server.example import APPS, FOLDER
from server.walk.thread import Thread
from server.walk.traffic import Traffic, meanwhile

APP = FOLDER / "app"
VERSION = 'VERSION = "1.0"'


class AppWalk(Thread):
    shipped = APPS
    name = "shelf"
    works, speaks = "tom", "noor"
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
            self._publish(ideal, revision)
            self._finish(self.wait_until_done(), run)

    # --- the prototype test ---

    def _first_live(self) -> None:
        if self.is_live():
            self.say(f"{self.name} is live already: what is there is what a new release takes the place of")
            return
        self.say(f"First, what is live today: [bold]desirepath push examples/app --name {self.name}[/]")
        with copied("1.0") as folder:
            self.went_live(
                self.engineer.push(folder, name=self.name, template="push-app", until="done", tell=self.telling.event)
            )

    def _prototype(self, revision: Revision) -> Run:
        """The derived template on a changed app, while somebody uses the one that is live."""
        version = f"1.{self.engineer.deployment(self.name)['live']}"
        self.say(f"Now the prototype test: {revision} on a changed copy, version {version}, while it is used")
        url = self.address()
        with copied(version) as folder:
            inputs = {"app": self.engineer.upload(folder)}
            with meanwhile(Traffic(lambda client, _: client.get(url), most=10_000, pause=0.02)) as traffic:
                run = self.try_out(revision, inputs, {})
        self.say(f"[dim]{traffic.sent} requests were sent through both switches, {traffic.failed} failed[/]")
        return run

    # --- signed off, published, done; and what you have now ---

    def _publish(self, ideal: JourneyMap, revision: Revision) -> None:
        self.sign_off(ideal, revision, "Tried with a real app; the way back is no longer a rumour.")
        self.say(f"[bold]{revision}[/] is published: `desirepath push` takes it from now on")
        self.champion.confirm_done(self.name, "looked", "lent out a projector and brought it back")
        self.say("Somebody looked at it: [italic]confirmed by hand, in Noor's name; the page shows it so[/]")

    def _finish(self, deployment: Json, run: Run) -> None:
        url = f"{deployment['address']}/healthz"
        self.say(f"The app: {deployment['address']}")
        self.telling.plain(f"curl -s {url}")
        self.telling.plain(httpx.get(url, timeout=10).text.strip())
        self.say()
        self.say(f"[bold]Why is “Rehearse the way back” here?[/]  desirepath trace run {run.pk} rehearse")
        for quote in self._quotes(run, "rehearse")[:1]:
            self.say(f"  [yellow]│[/] “{escape(quote['text'])}” [dim]{quote['who']} · {quote['where']}[/]")

    def _quotes(self, run: Run, leaf: str) -> list[Json]:
        links = self.engineer.trace_run(run.pk, leaf)[0]["links"]
        return [quote for link in links for quote in link.get("quotes", []) if quote["text"]]


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
