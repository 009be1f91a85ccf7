"""The engine's commands. What two of them share is here."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.workers.process import Engine


def run_until_told(engine: Engine) -> None:
    """Until SIGTERM or Ctrl-C; then what is at work has its time to finish."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: engine.stop())
    engine.run()
