"""The drawing of a session: a lane for each activity, a bar for each interval, and the gaps without entries."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from research.models import Observation

GAP = 5 * 60 * 1000  # so long without a word is worth a question
WIDTH = 100  # per cent: the drawing stretches to its column


@dataclass
class Bar:
    left: float
    width: float
    kind: str
    observation: Observation


@dataclass
class TimelineLane:
    name: str
    bars: list[Bar] = field(default_factory=list)


@dataclass(frozen=True)
class Gap:
    at: int
    until: int

    @property
    def lasts(self) -> int:
        return self.until - self.at


class Timeline:
    def __init__(self, observations: Sequence[Observation], length: int) -> None:
        ends = [observation.at if observation.until is None else observation.until for observation in observations]
        self.observations = observations
        self.length = max([length, *ends, 1])

    def place(self, milliseconds: int) -> float:
        return round(milliseconds / self.length * WIDTH, 2)

    def bar(self, observation: Observation) -> Bar:
        return Bar(
            self.place(observation.at), max(self.place(observation.lasts or 0), 0.3), observation.kind, observation
        )

    @property
    def lanes(self) -> list[TimelineLane]:
        lanes: dict[str, TimelineLane] = {}
        for observation in self.observations:
            name = str(observation.activity or "Outside any activity")
            lanes.setdefault(name, TimelineLane(name)).bars.append(self.bar(observation))
        return list(lanes.values())

    @property
    def gaps(self) -> list[Gap]:
        """Where nothing began and nothing went on."""
        gaps, covered = [], 0
        for observation in sorted(self.observations, key=lambda observation: observation.at):
            if observation.at - covered >= GAP:
                gaps.append(Gap(covered, observation.at))
            covered = max(covered, observation.at, observation.until or 0)
        if self.length - covered >= GAP:
            gaps.append(Gap(covered, self.length))
        return gaps

    @property
    def ticks(self) -> list[tuple[float, int]]:
        """About six moments, at round minutes."""
        minute = 60_000
        step = next((size for size in (1, 2, 5, 10, 15, 30, 60, 120, 240) if self.length / (size * minute) <= 7), 480)
        return [(self.place(at), at) for at in range(0, self.length + 1, step * minute)]
