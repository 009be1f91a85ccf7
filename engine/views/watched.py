"""What people did before a step was a step."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median

from lib.durations import in_words
from lib.statistics import FEW


@dataclass(frozen=True)
class Watched:
    """How many of how many people were seen doing it, how often, how long it took them."""

    people: int
    of: int
    count: int
    took: str = ""
    times: tuple[float, ...] = ()  # seconds, one for each time somebody was timed at it

    @property
    def in_words(self) -> str:
        """How long it took, with how often that was timed; a few times are no median."""
        if not self.people:
            return "nobody was observed doing this"
        if not self.times:
            return "observed, never timed"
        if len(self.times) >= FEW:
            return f"took people a median of {in_words(median(self.times))} (n {len(self.times)})"
        shortest, longest = in_words(min(self.times)), in_words(max(self.times))
        if len(self.times) == 1:
            return f"timed once: {longest}"
        span = longest if shortest == longest else f"{shortest} to {longest}"
        return f"timed {('twice', 'three times', 'four times')[len(self.times) - 2]}: {span}"
