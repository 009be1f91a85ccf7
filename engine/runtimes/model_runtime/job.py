"""The frame of every job: arguments, confinement, one JSON object as its result, a sentence when it is the user's turn.

Exit code 0: the result is there. 2: the input cannot be used; the result is {"error": sentence}, on stderr as well.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .confine import confine
from .reading import BadModel

Result = dict[str, Any]
CPU_SECONDS = 900


def parser(about: str) -> argparse.ArgumentParser:
    """The arguments all jobs share."""
    made = argparse.ArgumentParser(description=about)
    made.add_argument("--model", type=Path, required=True, help="the model's file")
    made.add_argument("--allow", action="append", default=[], help="a name a person approved for this file")
    made.add_argument("--out", type=Path, required=True, help="where the JSON object is written")
    return made


def run(work: Callable[[argparse.Namespace], Result], arguments: argparse.Namespace) -> None:
    """Confine this process, do the work, write its result, exit."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(name, "1")  # two jobs on two cores, not sixteen threads
    note = confine(seconds=CPU_SECONDS)
    warnings.simplefilter("ignore")
    try:
        result = work(arguments)
    except BadModel as error:
        _write(arguments.out, {"error": str(error)})
        sys.stderr.write(f"{error}\n")
        raise SystemExit(2) from None
    if note:
        result.setdefault("notes", []).append(note)
    _write(arguments.out, result)


def _write(path: Path, result: Result) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(json.dumps(clean(result), allow_nan=False, ensure_ascii=False), encoding="utf-8")
    os.replace(temporary, path)


def clean(value: Any) -> Any:
    """numpy's numbers and arrays as JSON has them; what is not a number becomes null."""
    if isinstance(value, dict):
        return {str(key): clean(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [clean(item) for item in value]
    if hasattr(value, "tolist"):
        return clean(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
