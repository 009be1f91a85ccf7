"""Jobs on a model file, in the environment it was made with: what the kinds about models and endpoints share."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

from engine.deployments.model_release import environment_for
from engine.models import CachedResult
from engine.steps.base import FileValue, Job, Planning, Step
from engine.targets.base import Change


def model_job(
    step: Step[Any], program: str, model: FileValue, *, holdout: FileValue | None = None, label: str | None = None,
    more: Iterable[str] = (), what: str = "",
) -> Job:  # fmt: skip
    """Run one of model_runtime's programs on a model, in that model's own environment, or recall what it said before.

    What a program says rests on nothing but its arguments, its files and its environment, so it is asked once.
    """
    argv = [
        "{python}",
        "-m",
        f"model_runtime.{program}",
        "--model",
        f"{{artefact:{model.sha256}}}",
        "--out",
        "{result}",
    ]
    if holdout:
        argv += ["--holdout", f"{{artefact:{holdout.sha256}}}"]
    if label:
        argv += ["--label", label]
    argv += more
    environment = environment_for(step.target, model.sha256)
    key = hashlib.sha256(repr((argv, environment)).encode()).hexdigest()
    if known := CachedResult.objects.filter(key=key).first():
        if key not in step.checkpoint.setdefault("known", []):
            step.checkpoint["known"].append(key)
            step.log(f"Reused the result of {known.job}: the same files, the same program")
        return Job(known.job, known.result, known.files)
    env = {"PYTHONPATH": "{runtimes}"}
    done = step.job(what or program, argv, environment=environment, env=env, timeout=600)
    CachedResult.keep(key, done.name, done.result, dict(done.files))
    return done


def evaluate(step: Step[Any], model: FileValue, holdout: FileValue, label: str, *, what: str = "") -> Job:
    """How good a model is on a holdout, and (in the file `scores.json`) what it said of each row."""
    more = ["--scores", "{outputs}/scores.json"]
    return model_job(step, "evaluate", model, holdout=holdout, label=label, more=more, what=what)


def plan_environment(planning: Planning[Any]) -> Change:
    """The line of a plan about the environment a model needs."""
    value = planning.values.get("model") or {}
    if not isinstance(value, dict) or "sha256" not in value:
        return Change("prepare", "the environment the model was made with", "known when the model is")
    environment = environment_for(planning.target, value["sha256"])
    packages: Sequence[str] = environment.requirements[:1]
    return Change("prepare", f"Python {environment.python} with {', '.join(packages)}", "built once, then kept")
