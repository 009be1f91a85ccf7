"""Django system checks of the environment variables: what is wrong, and how to fix it."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register, run_checks

from lib.environment import everything
from server.installation.environment import HOSTS, TLS, VARIABLES, WrongEnvironment

CLIENT = {"DESIREPATH_URL", "DESIREPATH_TOKEN", "DESIREPATH_CONFIG"}
TAG = "environment"  # commands that leave the other checks out run these


@register(TAG)
def variables(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Each variable that cannot be read: an error, because its default would be used in silence.

    One that others read too is warned of: its value may be meant for them.
    """
    wrong = [(variable, problem) for variable in VARIABLES if (problem := variable.problem())]
    return [
        Warning(problem, hint=variable.remedy, id="desirepath.W004") if variable.shared
        else Error(problem, hint=variable.remedy, id="desirepath.E001")
        for variable, problem in wrong
    ]  # fmt: skip


@register(TAG)
def unknown(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Variables that are named like ours and are unknown: most likely misspelt."""
    known = {variable.name for variable in VARIABLES} | CLIENT
    names = [name for name in everything() if name.startswith("DESIREPATH_") and name not in known]
    hint = "docs/environment.md lists those that are read."
    ours = [name for name in sorted(names) if not name.startswith("DESIREPATH_TEST")]
    return [Warning(f"{name} is no variable of Desirepath.", hint=hint, id="desirepath.W003") for name in ours]


@register(TAG)
def combinations(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Variables that are valid alone and contradict one another."""
    problems: list[CheckMessage] = []
    if settings.DEBUG and TLS.value():
        hint = "Leave DESIREPATH_DEBUG out where others can reach the pages."
        problems.append(
            Warning("Tracebacks are shown to everybody: debug is on behind TLS.", hint=hint, id="desirepath.W001")
        )
    if TLS.value() and HOSTS.value() == HOSTS.default:
        hint = f"Set {HOSTS.name}={HOSTS.example}, the name that people type."
        problems.append(Warning("TLS is on, and the pages answer to this machine's own names alone.", hint=hint,
                             id="desirepath.W002"))  # fmt: skip
    return problems


def refuse_wrong_environment() -> None:
    """Raise WrongEnvironment, naming every variable that cannot be read. For what starts without checks."""
    if wrong := [message for message in run_checks(tags=[TAG]) if message.is_serious()]:
        raise WrongEnvironment(" ".join(f"{message.msg}. {message.hint}" for message in wrong))
