"""The processes of a home. Any of them may end while it is looked at: then it is not there, and no error."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path

import psutil


def processes_of(home: Path) -> list[psutil.Process]:
    """Every living process that has this home, names it or carries its tag."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.pid == os.getpid() or process.status() == psutil.STATUS_ZOMBIE:
                continue
            environment = process.environ()
            named = [*process.cmdline(), environment.get("DESIREPATH_WORKLOAD", "")]
            mine = environment.get("DESIREPATH_HOME") == str(home)
            if mine or any(str(home) in text for text in named):
                found.append(process)
    return found


def processes_in(workload: Path) -> list[psutil.Process]:
    """Every living process that carries the tag of the workload in this folder."""
    found = []
    for process in processes_of(workload):
        with contextlib.suppress(psutil.Error):
            if process.environ().get("DESIREPATH_WORKLOAD") == str(workload):
                found.append(process)
    return found


def command(process: psutil.Process) -> list[str]:
    """What it was started with; nothing when it is gone."""
    with contextlib.suppress(psutil.Error):
        return process.cmdline()
    return []


def kill(processes: Iterable[psutil.Process]) -> None:
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.kill()


def gone(pid: int) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    return True
