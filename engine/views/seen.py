"""What people did before a step was a step."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Seen:
    """How many of how many people were seen doing it, how often, how long it took them."""

    people: int
    of: int
    count: int
    took: str = ""
