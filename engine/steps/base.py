"""The base classes of step kinds, and what a kind gets to work with.

The engine calls a kind's `run` until it returns an outcome. Each call reads the checkpoint and the target and goes on
from there, so a kill between two calls costs only time.
"""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Generic, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from engine.definition.expressions import ExpressionError, expressions_in
from engine.outcomes import Outcome, PermanentFailure, TemporaryFailure
from engine.targets.base import Change, Environment, Kind, Source, State, Target, Workload

# What a step is for, whoever it is for: steps of two personas with the same purpose are the same stop on their ways.
PURPOSES = {
    "prepare": "prepare the files that were handed in",
    "prove": "show that it is good enough",
    "match": "show that it fits what it will be given",
    "start": "start it beside what is live",
    "try": "ask it something and look at the answer",
    "compare": "compare it with what is live",
    "ask": "somebody says yes",
    "switch": "send it a share of the requests",
    "rehearse": "prove the way back",
    "go back": "take the way back",
    "watch": "keep an eye on it",
    "own command": "whatever its author wants",
    "by hand": "whatever its author asks a person",
}
FOR_ANYTHING = {"own command", "by hand"}  # two of these need not have anything in common

if TYPE_CHECKING:
    from engine.artefacts.store import Artefacts
    from engine.definition.flow import Leaf
    from engine.models import Deployment, Release, Run, StepRun
    from people.models import Persona


class NotYet(Exception):
    """Raised inside a step whose job is still running: poll again after so many seconds."""

    def __init__(self, seconds: float = 0.2, note: str = "") -> None:
        super().__init__(note)
        self.seconds, self.note = seconds, note


class Form(BaseModel):
    """The base of every kind's `with`: unknown keys are errors. A field's description is its help."""

    model_config = ConfigDict(extra="forbid")


class FileValue(BaseModel):
    """A file as inputs and outputs name it."""

    sha256: str
    name: str = ""
    size: int = 0  # bytes


F = TypeVar("F", bound=Form)


@dataclass(frozen=True)
class Job:
    """What a job that succeeded left: its JSON result, and the sha256 of each file it put into `{outputs}`."""

    name: str
    result: dict[str, Any]
    files: Mapping[str, str]


@dataclass
class Step(Generic[F]):
    """One execution of a step: its form, filled in, and what it may touch."""

    row: StepRun
    run: Run
    leaf: Leaf
    form: F
    artefacts: Artefacts
    log: Callable[[str], None]  # a line on the run page
    remember: Callable[[], None]  # store `checkpoint` now, before an effect that must not be forgotten
    checkpoint: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def target(self) -> Target:
        return self.run.target.connect()

    @property
    def deployment(self) -> Deployment:
        if self.run.deployment is None:
            raise PermanentFailure("This run has no deployment: start it with a name.")
        return self.run.deployment

    @cached_property
    def release(self) -> Release:
        """The release this run made."""
        release = self.run.releases.select_related("deployment").order_by("number").last()
        if release is None:
            raise PermanentFailure("This run has made no release yet; a step that makes one has to come before.")
        return release

    def job(
        self, what: str, argv: Iterable[str], *, environment: Environment | None = None,
        env: Mapping[str, str] | None = None, timeout: float | None = None, memory_mb: int | None = None,
        source: Source | None = None, secrets: Mapping[str, str] | None = None,
    ) -> Job:  # fmt: skip
        """Run a job once per attempt and return what it left; raises NotYet while it runs and a failure when it fails.

        The environment is built first. Its name is noted before it starts, so that cancel finds it after a kill.
        """
        name = self.row.effect_name(what, each_attempt=True)
        if name not in self.checkpoint.setdefault("jobs", []):
            self.checkpoint["jobs"].append(name)
            self.remember()
        if environment:
            self.target.prepare(environment, self.log)
        limits: dict[str, Any] = dict(self.leaf.limits)
        limits.setdefault("memory_mb", memory_mb)
        status = self.target.apply(
            Workload(
                name, Kind.JOB, tuple(argv), env=env or {}, environment=environment, timeout=timeout,
                labels={"run": str(self.run.pk), "step": self.leaf.id}, source=source, secrets=secrets or {}, **limits,
            )
        )  # fmt: skip
        if status.state == State.SUCCEEDED:
            return Job(name, status.result or {}, status.files)
        if status.state in (State.FAILED, State.STOPPED):
            self._job_failed(name, status.result, status.reason)
        raise NotYet

    def _job_failed(self, name: str, result: Mapping[str, Any] | None, reason: str) -> None:
        if result and (sentence := result.get("error")):
            raise PermanentFailure(str(sentence))
        tail = self.target.logs(name, offset=-2000).text.strip().splitlines()
        last = f" Its last line: {tail[-1]}" if tail else ""
        raise TemporaryFailure(f"{reason or 'the job failed'}.{last}".replace("..", "."))


@dataclass(frozen=True)
class Planning(Generic[F]):
    """What a kind sees when it says what it would do: `values` may hold expressions nobody can answer yet."""

    leaf: Leaf
    values: Mapping[str, Any]
    target: Target  # refuses every write
    deployment_name: str
    deployment: Deployment | None


class StepKind(ABC):
    """One kind of step. Stateless: one instance serves every step."""

    name: ClassVar[str]
    form: ClassVar[type[Form]] = Form
    outputs: ClassVar[Mapping[str, str] | None] = {}  # name -> type; None: the leaf declares them
    is_criterion: ClassVar[bool] = False  # only reads, so it can judge what is done

    @abstractmethod
    def run(self, step: Step[Any]) -> Outcome:
        """Go on from where this step is. May raise NotYet, TemporaryFailure, PermanentFailure, TargetError."""

    def judge(self, step: Step[Any]) -> Outcome:
        """Evaluate as a criterion. Succeeded: met; Failed, Asking: open; a missing input: "needs". Only reads."""
        return self.run(step)

    @abstractmethod
    def plan(self, planning: Planning[Any]) -> list[Change]:
        """What it would do. Must not write anything."""

    def cancel(self, step: Step[Any]) -> None:
        """Stop the jobs of this step, because it timed out. When a run ends, `executor.put_back` stops them."""
        for name in step.checkpoint.get("jobs", []):
            step.target.stop(name)

    def declared_outputs(self, leaf: Leaf) -> Mapping[str, str] | None:
        return leaf.outputs if self.outputs is None else self.outputs

    def check(self, leaf: Leaf) -> list[str]:
        """What is wrong with a leaf's `with`, for its author. Values that are expressions are checked when they run."""
        fields = self.form.model_fields
        wrong = [
            f"{self.name} has no setting “{key}”; it has {', '.join(fields) or 'none'}"
            for key in leaf.with_
            if key not in fields
        ]
        wrong += [f"{self.name} needs “{k}”" for k, f in fields.items() if f.is_required() and k not in leaf.with_]
        for key, value in leaf.with_.items():
            if key in fields and not _has_expression(value):
                wrong += _misfits(key, fields[key], value)
        return wrong

    # --- beside the code ---

    @property
    def folder(self) -> Path:
        return Path(inspect.getfile(type(self))).parent

    @cached_property
    def words(self) -> dict[str, dict[str, str]]:
        """words.yaml: {"plain": {"title": …, "does": …, "purpose": …}, PERSONA: {…}}."""
        read: dict[str, dict[str, str]] = yaml.safe_load((self.folder / "words.yaml").read_text())
        return read

    def says(self, persona: Persona | None) -> dict[str, str]:
        """Its title and what it does, in this persona's words."""
        return {**self.words["plain"], **(self.words.get(persona.slug, {}) if persona else {})}

    @property
    def purpose(self) -> str:
        """What it is for: one of PURPOSES."""
        return self.words["plain"]["purpose"]

    @property
    def page(self) -> str:
        """Its documentation, as Markdown."""
        return (self.folder / "page.md").read_text()


def _has_expression(value: Any) -> bool:
    try:
        return "${{" in str(value) and any(True for _ in expressions_in(value))
    except ExpressionError:
        return True  # one that cannot be read or answered: the template's own check says so


def _misfits(key: str, field_: FieldInfo, value: Any) -> list[str]:
    try:
        bounded: Any = Annotated[field_.annotation, "as the form bounds it", *field_.metadata]
        TypeAdapter(bounded).validate_python(value)
    except ValidationError as error:
        return [f"“{key}”: {item['msg'].lower()}" for item in error.errors()[:1]]
    return []
