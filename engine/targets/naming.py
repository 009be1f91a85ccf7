"""What a target may call things: the name of a workload, a route, a release."""

from __future__ import annotations

import re

from engine.targets.base import TargetError

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def checked_name(name: str) -> str:
    """A name becomes a folder and a supervisord program, so it must be plain."""
    if not NAME.fullmatch(name):
        raise TargetError(
            f"“{name[:120]}” cannot be a name here: use letters, digits, dots, dashes and underscores, "
            "beginning with a letter or digit, at most 100."
        )
    return name
