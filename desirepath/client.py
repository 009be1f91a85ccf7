"""The SDK: everything the pages can do with runs and what is live, from a notebook or a script.

    from desirepath.client import Desirepath

    here = Desirepath()
    churn = here.serve("model.pkl", data="holdout.csv", label="churned", name="churn")
    print(churn.deployment["address"])

Every call answers what the API answers: dictionaries and lists. A refusal is an `ApiError` whose text says what
happened and what to do.
"""

from __future__ import annotations

import importlib
import re
import sys
import time
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from desirepath import connection, folders

if TYPE_CHECKING:
    import httpx

Json = dict[str, Any]
OnEvent = Callable[[Json], None]
ENDED = ("succeeded", "failed", "cancelled")
MOMENT = 3.0  # seconds
# Marks that choose a glyph and letters that show nothing: they name nothing.
_LOOKS = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u3164\uffa0\ufe00-\ufe0f\U000e0100-\U000e01ef]")
SETTLED = 3.0  # seconds after which no event with a lower number is still to come
EVENTS_IN_ANSWER = 500  # events in one answer


class ApiError(Exception):
    """The server refused. `status` is the HTTP status, `fields` says which input was wrong."""

    def __init__(self, message: str, status: int = 0, fields: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.fields = fields or {}


@dataclass
class Served:
    """The result of `serve`: the run, and the deployment as it is now."""

    run: Json
    deployment: Json | None
    release: int | None  # the number of the release this run made

    @property
    def answers(self) -> bool:
        return self.deployment is not None and self.release is not None and self.run["state"] != "failed"


class Desirepath:
    """A signed-in connection to one server."""

    def __init__(self, server: str | None = None, token: str | None = None, *, timeout: float = 60) -> None:
        self.place = connection.find(server, token)
        headers = {"Authorization": f"Token {self.place.token}", "Accept": "application/json"}
        self.http = _httpx().Client(base_url=f"{self.place.url}/api/", headers=headers, timeout=timeout)

    # --- from a file to an answer ---

    def serve(
        self, model: str | Path, *, data: str | Path | None = None, label: str | None = None, name: str | None = None,
        team: str | None = None, template: str | None = None, port: int | None = None, at_least: float | None = None,
        until: str = "answers", tell: OnEvent | None = None,
    ) -> Served:  # fmt: skip
        """Put a model into production with the published template of your persona.

        Returns when it answers (`until="done"`: when the run has ended). `tell` gets each event as it happens.
        """
        path = Path(model)
        inputs: Json = {"model": self.upload(path, team=team)}
        if data is not None:
            inputs["holdout"] = self.upload(data, team=team)
        inputs |= {k: v for k, v in (("label", label), ("at_least", at_least)) if v is not None}
        run = self.start(inputs, template=template, name=name or name_for(path), team=team, port=port)
        return self.follow(run["id"], until=until, tell=tell)

    def push(
        self, folder: str | Path, *, name: str | None = None, team: str | None = None, template: str | None = None,
        check: str | None = None, python: str | None = None, port: int | None = None, until: str = "answers",
        tell: OnEvent | None = None,
    ) -> Served:  # fmt: skip
        """Release an app, a folder with a Procfile or a git address, with the published template of your persona.

        `check` is a path that has to answer 200 before the release gets requests. Returns like `serve`.
        """
        place = str(folder)
        inputs: Json = {"app": self.upload_folder(place, team=team)}
        inputs |= {key: value for key, value in (("check", check), ("python", python)) if value is not None}
        called = name or plain_name(folders.name_of(place), "app")
        run = self.start(inputs, template=template, name=called, team=team, port=port)
        return self.follow(run["id"], until=until, tell=tell)

    def upload_folder(self, place: str | Path, *, team: str | None = None) -> Json:
        """Hand a folder in, packed; the same folder twice is the same file. Returns what `upload` does."""
        try:
            with folders.at_hand(str(place)) as folder, folders.packed(folder) as file:
                return self.upload(file, team=team)
        except folders.BadFolder as error:
            raise ApiError(str(error)) from error

    def upload(self, file: str | Path, *, team: str | None = None) -> Json:
        """Hand a file in. Returns its sha256, name and size in bytes: an input of a run."""
        path = Path(file)
        try:
            with path.open("rb") as stream:
                form = {"team": team} if team else {}
                return cast(Json, self._ask("POST", "files/", files={"file": (path.name, stream)}, data=form))
        except OSError as error:
            raise ApiError(f"{path} cannot be read: {error.strerror}.") from error

    def start(self, inputs: Json, *, dry_run: bool = False, **options: Any) -> Json:
        """Start a run; with `dry_run`, what it would do. Options: template, revision, name, team, port, persona…"""
        sent = {key: value for key, value in options.items() if value is not None}
        return cast(Json, self._ask("POST", "runs/", json={"inputs": inputs, "dry_run": dry_run, **sent}))

    def follow(self, run: int, *, until: str = "answers", tell: OnEvent | None = None) -> Served:
        """Wait until the run's release answers, or (`until="done"`) until the run has ended.

        What answers is given a moment to end as well, so that whoever changes it next need not wait.
        """
        events = self.events(run)
        answered: float | None = None
        while True:
            answer = self.run(run)  # before its events: what it says now is then all told
            for event in events:
                if event is None:
                    break
                if tell:
                    tell(event)
            release = _released(answer)
            if release is not None and answered is None:
                answered = time.monotonic()
            over = answer["state"] in ENDED
            if over or (answered is not None and until == "answers" and (_asks(answer) or _since(answered) > MOMENT)):
                return Served(answer, self._deployment_of(answer), release)
            time.sleep(0.2)

    def events(self, run: int) -> Iterator[Json | None]:
        """Events as they happen; None whenever there is nothing new. Never ends by itself.

        Young ones are asked for again: a lower number may be stored a moment after a higher one was read.
        """
        after, shown = 0, dict[int, float]()
        while True:
            rows = self._ask("GET", f"runs/{run}/events/", params={"after": after})
            for row in rows:
                if row["id"] not in shown:
                    shown[row["id"]] = time.monotonic()
                    yield row
            settled = [number for number, at in shown.items() if _since(at) > SETTLED]
            after = rows[-1]["id"] if len(rows) >= EVENTS_IN_ANSWER else max([after, *settled])
            shown = {number: at for number, at in shown.items() if number > after}
            yield None

    def _deployment_of(self, run: Json) -> Json | None:
        if not run["deployment"]:
            return None
        answer = self.ls(name=run["deployment"], team=run["team"])
        return self.deployment_by_id(answer[0]["id"]) if answer else None

    # --- what is live ---

    def me(self) -> Json:
        """Who is signed in: {"username", "name", "persona", "words"}."""
        return cast(Json, self._ask("GET", "me/"))

    def ls(self, *, removed: bool = False, **filters: str | None) -> list[Json]:
        """What is live. Filters: name, team, target."""
        params = {key: value for key, value in filters.items() if value} | ({"removed": "true"} if removed else {})
        return cast(list[Json], self._ask("GET", "deployments/", params=params))

    def deployment(
        self, name: str, *, team: str | None = None, target: str | None = None, removed: bool = False
    ) -> Json:
        """The one of that name. Raises ApiError when there is none, or several and it is not said which."""
        answer = self.ls(name=name, team=team, target=target, removed=removed)
        if not answer:
            raise ApiError(f"Nothing called {name} is live that you may see. `desirepath ls` lists what is.", 404)
        if len(answer) > 1:
            where = ", ".join(f"--team {row['team']} --target {row['target']}" for row in answer)
            raise ApiError(f"There are several called {name}; say which: {where}.", 409)
        return self.deployment_by_id(answer[0]["id"])

    def deployment_by_id(self, pk: int) -> Json:
        return cast(Json, self._ask("GET", f"deployments/{pk}/"))

    def logs(
        self, name: str, *, offset: int = 0, release: int | None = None, process: str = "", **which: str | None
    ) -> Json:  # fmt: skip
        """Text and the offset to read on from, of one process; without a name, of the first."""
        deployment = self.deployment(name, **which)  # type: ignore[arg-type]
        params = {"offset": offset} | ({"release": release} if release else {})
        params |= {"process": process} if process else {}  # type: ignore[dict-item]
        return cast(Json, self._ask("GET", f"deployments/{deployment['id']}/logs/", params=params))

    def config(self, name: str, **which: str | None) -> list[Json]:
        """The names of its settings, who set them and when. No value can be read back."""
        deployment = self.deployment(name, **which)  # type: ignore[arg-type]
        return cast(list[Json], self._ask("GET", f"deployments/{deployment['id']}/config/"))

    def configure(self, name: str, values: Mapping[str, str | None], **which: str | None) -> list[Json]:
        """Set some, and (None) take some away. They take effect with the next release: `release_again`."""
        deployment = self.deployment(name, **which)  # type: ignore[arg-type]
        return cast(list[Json], self._ask("PATCH", f"deployments/{deployment['id']}/config/", json={"values": values}))

    def make(self, name: str, *, team: str | None = None) -> Json:
        """A name with nothing behind it yet, so that it can be configured before its first release."""
        body = {"name": name} | ({"team": team} if team else {})
        return cast(Json, self._ask("POST", "deployments/", json=body))

    def release_again(self, name: str, *, until: str = "answers", tell: OnEvent | None = None, **which: Any) -> Served:
        """Release what is live once more, with the settings as they are now. Returns like `serve`."""
        run = self._act(name, "again/", which)
        return self.follow(run["id"], until=until, tell=tell)

    def scale(self, name: str, counts: Mapping[str, int], **which: str | None) -> Json:
        """How many of each process run: {"web": 2, "worker": 1}."""
        return self._act(name, "scale/", which, counts=dict(counts))

    def execute(self, name: str, command: Sequence[str], **which: str | None) -> Iterator[Json]:
        """Run a command once in the live release. Yields {"text", "ended", "exit_code", …} until it has ended."""
        deployment = self.deployment(name, **which)  # type: ignore[arg-type]
        here = f"deployments/{deployment['id']}/exec/"
        state = cast(Json, self._ask("POST", here, json={"command": list(command)}))
        yield state
        while not state["ended"]:
            time.sleep(0.1)
            state = cast(Json, self._ask("GET", f"{here}{state['job']}/", params={"offset": state["offset"]}))
            yield state

    def rollback(self, name: str, **which: str | None) -> Json:
        return self._act(name, "rollback/", which)

    def remove(self, name: str, **which: str | None) -> Json:
        """Take it away; `restore` brings it back within seven days."""
        deployment = self.deployment(name, **which)  # type: ignore[arg-type]
        return cast(Json, self._ask("DELETE", f"deployments/{deployment['id']}/"))

    def restore(self, name: str, **which: str | None) -> Json:
        return self._act(name, "restore/", which, removed=True)

    def confirm_done(self, name: str, criterion: str, comment: str = "", **which: str | None) -> Json:
        """Say that a criterion judged by hand is met."""
        return self._act(name, f"done/{criterion}/confirm/", which, comment=comment)

    def _act(self, name: str, verb: str, which: dict[str, Any], *, removed: bool = False, **body: Any) -> Json:
        deployment = self.deployment(name, removed=removed, **which)
        return cast(Json, self._ask("POST", f"deployments/{deployment['id']}/{verb}", json=body))

    # --- runs ---

    def runs(self) -> list[Json]:
        return cast(list[Json], self._ask("GET", "runs/"))

    def run(self, run: int) -> Json:
        """With its steps."""
        return cast(Json, self._ask("GET", f"runs/{run}/"))

    def approve(self, run: int, step: str, comment: str = "", *, refuse: bool = False) -> Json:
        body = {"approve": not refuse, "comment": comment}
        return cast(Json, self._ask("POST", f"runs/{run}/steps/{step}/approve/", json=body))

    def confirm(self, run: int, step: str, values: Json | None = None, comment: str = "") -> Json:
        """Confirm a step done by hand. A value that is a Path is uploaded first."""
        sent = {k: self.upload(v) if isinstance(v, Path) else v for k, v in (values or {}).items()}
        body = {"values": sent, "comment": comment}
        return cast(Json, self._ask("POST", f"runs/{run}/steps/{step}/confirm/", json=body))

    def resume(self, run: int, inputs: Json | None = None) -> Json:
        """Run again what failed; `inputs` are corrections, whose readers run again too."""
        return cast(Json, self._ask("POST", f"runs/{run}/resume/", json={"inputs": inputs or {}}))

    def would_resume(self, run: int) -> list[Json]:
        """The steps that resuming would run again."""
        return cast(list[Json], self._ask("GET", f"runs/{run}/resume/"))

    def cancel(self, run: int) -> Json:
        return cast(Json, self._ask("POST", f"runs/{run}/cancel/"))

    def pause(self, run: int) -> Json:
        """Begin nothing new until `go_on`."""
        return cast(Json, self._ask("POST", f"runs/{run}/pause/"))

    def go_on(self, run: int) -> Json:
        return cast(Json, self._ask("POST", f"runs/{run}/continue/"))

    def tell(self, run: int, name: str, values: Json | None = None) -> Json:
        """Tell a run that something happened; whatever waits for this name goes on."""
        return cast(Json, self._ask("POST", f"runs/{run}/tell/", json={"name": name, "values": values or {}}))

    def diff(self, run: int, other: int) -> Json:
        """Why this run differs from the other: {"first", "template", "inputs", "steps"}."""
        return cast(Json, self._ask("GET", f"runs/{run}/diff/{other}/"))

    # --- by the clock, and how many at once ---

    def schedules(self) -> list[Json]:
        return cast(list[Json], self._ask("GET", "schedules/"))

    def schedule(self, template: str, cron: str, **options: Any) -> Json:
        """Run a template by the clock. Options: zone, name, team, inputs, misfire (once, skip or each)."""
        sent = {key: value for key, value in options.items() if value is not None}
        return cast(Json, self._ask("POST", "schedules/", json={"template": template, "cron": cron, **sent}))

    def change_schedule(self, pk: int, **changes: Any) -> Json:
        return cast(Json, self._ask("PATCH", f"schedules/{pk}/", json=changes))

    def remove_schedule(self, pk: int) -> None:
        self._ask("DELETE", f"schedules/{pk}/")

    def limits(self) -> list[Json]:
        return cast(list[Json], self._ask("GET", "limits/"))

    def limit(self, at_most: int, **of: str | None) -> Json:
        """How many steps may be at work at once: of a team, a template or a target."""
        sent = {key: value for key, value in of.items() if value is not None}
        return cast(Json, self._ask("PUT", "limits/", json={**sent, "at_most": at_most}))

    def lift_limit(self, pk: int) -> None:
        self._ask("DELETE", f"limits/{pk}/")

    def step_logs(self, run: int, step: str, *, offset: int = 0) -> Json:
        return cast(Json, self._ask("GET", f"runs/{run}/steps/{step}/logs/", params={"offset": offset}))

    def run_export(self, run: int, as_: str = "xes") -> str:
        """The run for another program; as_="xes" for process mining."""
        if as_ != "xes":
            raise ApiError(f"A run cannot be exported as {as_}; it can as xes.")
        return self._answer("GET", f"runs/{run}/xes/").text

    # --- templates and the trace ---

    def templates(self) -> list[Json]:
        return cast(list[Json], self._ask("GET", "templates/"))

    def template(self, name: str, revision: int | None = None) -> Json:
        params = {"revision": revision} if revision else {}
        return cast(Json, self._ask("GET", f"templates/{name}/", params=params))

    def check_template(self, yaml: str) -> Json:
        """{"ok", "problems": [{"line", "column", "message"}]}."""
        return cast(Json, self._ask("POST", "templates/check/", json={"yaml": yaml}))

    def keep_template(self, yaml: str) -> Json:
        return cast(Json, self._ask("POST", "templates/", json={"yaml": yaml}))

    def publish(self, name: str, revision: int | None = None) -> Json:
        body = {"revision": revision} if revision else {}
        return cast(Json, self._ask("POST", f"templates/{name}/publish/", json=body))

    def trace_run(self, run: int, step: str | None = None) -> list[Json]:
        """From a run's steps (or one of them) to quotes."""
        params = {"step": step} if step else {}
        return cast(list[Json], self._ask("GET", f"trace/run/{run}/", params=params))

    def trace_observation(self, observation: str) -> Json:
        """From an observation to the runs that rest on it."""
        return cast(Json, self._ask("GET", f"trace/observation/{observation}/"))

    # --- the wire ---

    def _ask(self, method: str, path: str, **options: Any) -> Any:
        answer = self._answer(method, path, **options)
        return answer.json() if answer.content else None

    def _answer(self, method: str, path: str, **options: Any) -> httpx.Response:
        try:
            answer: httpx.Response = self.http.request(method, path, **options)
        except _httpx().HTTPError as error:
            raise ApiError(f"{self.place.url} does not answer: {error}. Is the server running?") from error
        if answer.is_success:
            return answer
        raise _refusal(answer, self.place.url)


@cache
def _httpx() -> Any:
    """httpx, loaded by the first request and without its own command line, which takes longer than all the rest."""
    unwanted: dict[str, Any] = {} if "httpx" in sys.modules else {"httpx._main": None}
    sys.modules.update(unwanted)
    try:
        return importlib.import_module("httpx")
    finally:
        for name in unwanted:
            del sys.modules[name]


def _refusal(answer: httpx.Response, url: str) -> ApiError:
    try:
        errors = answer.json()["errors"]
    except (ValueError, KeyError, TypeError):
        return ApiError(f"{url} answered {answer.status_code} without saying why.", answer.status_code)
    if answer.status_code == 401:
        return ApiError(f"{url} does not know you any more. Run `desirepath login --server {url}`.", 401)
    fields = {str(e["attr"]): e["detail"] for e in errors if e.get("attr")}
    problems = [f"{e['attr']}: {e['detail']}" if e.get("attr") else e["detail"] for e in errors]
    return ApiError("; ".join(problems), answer.status_code, fields)


def _asks(run: Json) -> bool:
    """Whether it waits for a person."""
    return any(step["asking"] for step in run["steps"])


def _since(moment: float) -> float:
    return time.monotonic() - moment


def _released(run: Json) -> int | None:
    """The release that a step of this run has made and that answers."""
    made = [s["outputs"]["release"] for s in run["steps"] if s["state"] == "succeeded" and s["outputs"].get("address")]
    return made[-1] if made else None


def plain_name(text: str, otherwise: str) -> str:
    """A name from any text, in letters of any script: `My Guestbook` is my-guestbook, `模型 1` is 模型-1.

    What it makes is a key to the server (lib.names), which this file cannot import.
    """
    folded = _LOOKS.sub("", text)
    for _ in range(4):  # small letters can undo the normal form, and the other way round
        folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", folded).lower())
    parts = "".join(
        c if unicodedata.category(c)[0] in "LMN" else " " * (unicodedata.category(c) != "Cf") for c in folded
    )
    name = _cut("-".join(filter(None, map(_without_marks_before, parts.split()))))
    return name if name[:1].isalpha() else _cut(f"{otherwise}-{name}".strip("-"))


def _without_marks_before(word: str) -> str:
    """A word from its first letter or digit: a mark before it stands on nothing."""
    return re.sub(r"^[^\w]+", "", word)


def _cut(name: str) -> str:
    """At most 40 characters, without a letter that would lose one of its marks."""
    end = min(40, len(name))
    while 0 < end < len(name) and unicodedata.category(name[end])[0] == "M":
        end -= 1
    return name[:end].strip("-")


def name_for(path: Path) -> str:
    """A name from a file: `Churn Model.pkl` is churn-model; `model.pkl` takes its folder's name."""
    stem = path.stem if path.stem.lower() not in ("model", "pipeline") else path.resolve().parent.name or path.stem
    return plain_name(stem, "model")
