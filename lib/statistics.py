"""Rates with Wilson's interval, and words where there are too few for one.

Pure. The numbers of adoption and outcomes are made of these.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

FEW = 5  # below this a rate pretends to know
Z = 1.959964  # 95 %


@dataclass(frozen=True)
class Rate:
    """So many of so many; `low` and `high` bound the share that lies behind them."""

    met: int
    of: int

    @property
    def few(self) -> bool:
        return self.of < FEW

    @property
    def share(self) -> float:
        return self.met / self.of if self.of else 0.0

    @property
    def low(self) -> float:
        return wilson(self.met, self.of)[0]

    @property
    def high(self) -> float:
        return wilson(self.met, self.of)[1]

    @property
    def percent(self) -> tuple[int, int, int]:
        """The share, and from where to where it may be, as whole per cents."""
        return round(self.share * 100), round(self.low * 100), round(self.high * 100)


def wilson(met: int, of: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a proportion; of nothing, everything is possible."""
    if not of:
        return 0.0, 1.0
    share, square = met / of, Z * Z / of
    middle = (share + square / 2) / (1 + square)
    half = Z * sqrt(share * (1 - share) / of + square / (4 * of)) / (1 + square)
    return max(0.0, middle - half), min(1.0, middle + half)
