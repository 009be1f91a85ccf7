"""service.check: the service answers on its address, and its processes run without being started again."""

import re
import time
from typing import Any

from pydantic import Field

from engine.models import Release
from engine.outcomes import Failed, Outcome, Succeeded
from engine.steps.base import Form, Planning, Step, StepKind
from engine.targets.base import Change, State, Status
from engine.targets.http import NoAnswer, ask

BEGINNING = 30  # seconds that a process may take to begin after it was told to


class CheckForm(Form):
    path: str | None = Field(None, description="what is asked for; it has to answer below 400")
    within: float = Field(10, gt=0, le=60, description="seconds it may take")
    steady: float = Field(0, ge=0, le=86400, description="seconds its processes have to have run")


class ServiceCheck(StepKind):
    name = "service.check"
    form = CheckForm
    outputs = {"milliseconds": "number"}
    is_criterion = True

    def run(self, step: Step[CheckForm]) -> Outcome:
        form, release = step.form, step.release
        if ended := _unsteady(step, release):
            return ended
        if not release.answering:
            return Succeeded({}, f"{len(release.beside)} running; none of them answers requests")
        path = form.path or release.health_path
        address = f"{step.deployment.address}{path}"
        try:
            answer = ask(address, release=str(release.number), within=form.within)
        except NoAnswer as error:
            return Failed(str(error), temporary=True)
        if answer.status >= (400 if form.path or (release.app and release.app.check) else 500):
            return Failed(f"{address} answered {answer.status}: {_gist(answer.text)}", temporary=True)
        note = f"release {release.number} answers {answer.status} in {answer.milliseconds:.0f} ms"
        return Succeeded({"milliseconds": answer.milliseconds}, note)

    def plan(self, planning: Planning[Any]) -> list[Change]:
        return [Change("look", "whether the service answers", "reads only")]


def _gist(text: str) -> str:
    """What an answer says, on one line: of a page its words without their marks."""
    words = re.sub(r"<(script|style).*?</\1>|<[^>]*>", " ", text, flags=re.DOTALL | re.IGNORECASE)
    return " ".join(words.split())[:160] or "without a word"


def _unsteady(step: Step[CheckForm], release: Release) -> Failed | None:
    """The processes that do not run, or have not run for long enough."""
    for name in (*release.answering, *release.beside):
        status, process = step.target.status(name), name.partition(".")[2]
        if status.state != State.READY:
            return Failed(f"{process} does not run. {status.reason}".strip(), temporary=True)
        ran = time.time() - (status.started_at or 0)
        if ran < step.form.steady and not _begun_on_purpose(release, name, status):
            again = f"; it has been started {status.starts} times" if status.starts > 1 else ""
            return Failed(f"{process} has run for {ran:.0f} of {step.form.steady:g} s{again}", temporary=True)
    return None


def _begun_on_purpose(release: Release, workload: str, status: Status) -> bool:
    """Whether this release was done before and this process was begun by whoever went back to it, or scaled it.

    That it keeps running was seen then; since, only a process that had to be started again is news.
    """
    return bool(release.done_at) and (status.started_at or 0) <= release.begun.get(workload, 0) + BEGINNING


KIND = ServiceCheck()
