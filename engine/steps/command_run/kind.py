"""command.run: a command of a person's own, as a job on the target."""

from typing import Any

from pydantic import Field

from engine.outcomes import Outcome, Succeeded
from engine.steps.base import Form, Planning, Step, StepKind
from engine.targets.base import Change, Environment


class CommandForm(Form):
    command: str = Field(description="given to sh -c")
    env: dict[str, str] = Field({}, description="variables it gets")
    requirements: list[str] = Field([], description="Python packages it needs, built once and kept")
    python: str = Field("3.11", description="the Python of those packages")
    memory_mb: int | None = Field(None, ge=16, description="the most memory it may take, in MB")


class CommandRun(StepKind):
    name = "command.run"
    form = CommandForm
    outputs = {"result": "json", "last_line": "text"}

    def run(self, step: Step[CommandForm]) -> Outcome:
        form = step.form
        environment = Environment(form.python, tuple(form.requirements)) if form.requirements else None
        path = {"VIRTUAL_ENV_PYTHON": "{python}"} if environment else {}
        job = step.job(
            "command", ["/bin/sh", "-c", form.command], environment=environment, env={**path, **form.env},
            timeout=step.leaf.timeout, memory_mb=form.memory_mb,
        )  # fmt: skip
        lines = step.target.logs(job.name, offset=-4000).text.strip().splitlines()
        return Succeeded(
            {"result": job.result, "last_line": lines[-1] if lines else ""}, lines[-1][:120] if lines else ""
        )

    def plan(self, planning: Planning[Any]) -> list[Change]:
        return [Change("run", str(planning.values.get("command", "")), "a command of your own, at least once")]


KIND = CommandRun()
