"""Start a run: check its inputs against the template, find or make its deployment, open its flow."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db import IntegrityError, transaction

from engine.definition.expressions import ExpressionError, typed
from engine.definition.vocabulary import FILE_TYPES
from engine.models import Artefact, Deployment, Revision, Run, Schedule, Target
from engine.runs import transitions
from engine.statuses import DeploymentState
from engine.steps.catalogue import problems_with
from lib import names
from people.models import Persona, Team, User

LONGEST_NAME = 40  # of a deployment's name
RULE = "small letters, digits and -, beginning with a letter, at most 40"
_PLAIN = re.compile(r"[a-z][a-z0-9-]{0,39}")  # what a name was before it could be of any script: a--b is one too


class Refused(ValueError):
    """The run was not started. `problems` is {input or "name": sentence}."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        self.problems = dict(problems)
        super().__init__("; ".join(f"{name}: {why}" for name, why in problems.items()))


def problem_of_name(name: str) -> str:
    """Why this cannot be a deployment's name; "" when it can."""
    key = names.key(name, LONGEST_NAME).replace("_", "-")
    if _PLAIN.fullmatch(name) or (name == key and name[:1].isalpha()):
        return ""
    hint = f"; “{key}” would be one" if key[:1].isalpha() else ""
    return f"“{name[:80]}” is not a name: {RULE}{hint}"


@dataclass(frozen=True)
class Name:
    """Make a deployment with nothing behind it yet, or find it."""

    team: Team
    user: User | None
    name: str
    target: Target | None = None
    persona: Persona | None = None
    port: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", names.normal(self.name))

    def check(self) -> None:
        """Raises Refused."""
        if problem := problem_of_name(self.name):
            raise Refused({"name": problem})

    def execute(self) -> Deployment:
        """Raises Refused for a name that was removed."""
        self.check()
        target = self.target or Target.objects.default_for(self.team)
        persona = self.persona or (self.user.persona if self.user else None)
        deployment, made = Deployment.objects.get_or_create(
            team=self.team, target=target, name=self.name, defaults={"persona": persona, "port": self.port}
        )
        if made and (other := deployment.namesake()):
            deployment.delete()
            raise Refused({"name": f"{self.name} would run under the same name as {other.name}; take another name"})
        if deployment.removed_at:
            raise Refused({"name": f"{self.name} was removed; `desirepath restore {self.name}`, or take another name"})
        if made:
            who = self.user.name if self.user else "A schedule"
            deployment.say(f"deployment.{DeploymentState.NEW}", f"{who} made {self.name}", actor=self.user)
        return deployment


@dataclass(frozen=True)
class StartRun:
    revision: Revision
    team: Team
    user: User | None
    inputs: Mapping[str, Any] = field(default_factory=dict)
    name: str = ""  # of the deployment; a template without one leaves it out
    target: Target | None = None
    port: int | None = None
    idempotency_key: str = ""
    schedule: Schedule | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", names.normal(self.name))

    def check(self) -> dict[str, Any]:
        """The inputs, each as its type. Raises Refused naming everything that is wrong."""
        declared = self.revision.parsed.inputs
        problems = {n: "is not an input of this template" for n in self.inputs if n not in declared}
        values: dict[str, Any] = {}
        for name, spec in declared.items():
            value = self.inputs.get(name, spec.default)
            if value in (None, ""):
                if not spec.optional:
                    problems[name] = f"is needed: {spec.help}" if spec.help else "is needed"
                continue
            try:
                values[name] = self._file(value) if spec.type in FILE_TYPES else typed(value, spec.type)
            except (ExpressionError, ValueError) as error:
                problems[name] = str(error)
        if self.name and (problem := problem_of_name(self.name)):
            problems["name"] = problem
        if gone := problems_with(self.revision.parsed):
            problems["template"] = f"cannot be run any more: {'; '.join(gone[:3])}"
        if problems:
            raise Refused(problems)
        return values

    def _file(self, value: Any) -> dict[str, Any]:
        sha256 = value.get("sha256", "") if isinstance(value, dict) else str(value)
        artefact = Artefact.objects.filter(team=self.team, sha256=sha256).first()
        if artefact is None:
            raise ValueError(f"team {self.team.name} has no file {sha256[:12]}; upload it first")
        return artefact.value()

    def execute(self) -> Run:
        """Start it, or return the run that the same idempotency key started. Raises Refused or NotPossible."""
        if earlier := self._started_before():
            return earlier
        values = self.check()
        target = self.target or Target.objects.default_for(self.team)
        try:
            with transaction.atomic():
                run = Run(
                    revision=self.revision, team=self.team, target=target, inputs=values, started_by=self.user,
                    deployment=self._deployment(target), idempotency_key=self.idempotency_key, schedule=self.schedule,
                )  # fmt: skip
                return transitions.start(run)
        except IntegrityError:
            if earlier := self._started_before():
                return earlier
            raise

    def _started_before(self) -> Run | None:
        same = Run.objects.filter(team=self.team, idempotency_key=self.idempotency_key)
        return same.first() if self.idempotency_key else None

    def _deployment(self, target: Target) -> Deployment | None:
        if not self.name:
            return None
        deployment = Name(self.team, self.user, self.name, target, self.revision.template.persona, self.port).execute()
        # A deployment made only for its settings has its maker's persona until its first release.
        before = deployment.port, deployment.persona_id
        deployment.port = self.port or deployment.port
        if not deployment.releases.exists():
            deployment.persona = self.revision.template.persona or deployment.persona
        if (deployment.port, deployment.persona_id) != before:
            deployment.save(update_fields=["port", "persona"])
        return deployment
