"""Looks inside a model: what it predicts, from which columns, with which steps.

python -m model_runtime.inspect --model M [--holdout H.csv] --out RESULT
"""

from __future__ import annotations

import argparse
import importlib.util
from pathlib import Path
from typing import Any

from . import job, table
from .model import Estimator, Model, open_model
from .scan import scan


def describe(arguments: argparse.Namespace) -> job.Result:
    scanned = scan(arguments.model, allow=arguments.allow)
    model = open_model(arguments.model, allow=arguments.allow)
    return {
        "format": scanned.format,
        "compression": scanned.compression,
        "estimator": _class_name(model),
        "steps": steps_of(model),
        "task": model.task,
        "classes": model.classes,
        "features": [_public(feature.as_dict()) for feature in model.features],
        "sklearn_version": scanned.sklearn_version,
        "sample_row": sample_row(model, arguments.holdout),
        "globals": list(scanned.globals),
        **onnx_of(model),
    }


def _class_name(model: Model) -> str:
    return type(model.estimator).__name__ if isinstance(model, Estimator) else "ONNX"


def _public(feature: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in feature.items() if key in ("name", "type", "categories", "low", "high")}


def steps_of(model: Model) -> list[dict[str, str]]:
    """A pipeline's steps, and a column transformer's parts with their columns: [{name, class, columns?}]."""
    if not isinstance(model, Estimator):
        return []
    steps = []
    for name, step in getattr(model.estimator, "steps", []):
        steps.append({"name": name, "class": step if isinstance(step, str) else type(step).__name__})
        for part, transformer, columns in getattr(step, "transformers_", []):
            inner = [type(s).__name__ for _, s in getattr(transformer, "steps", [])] or [type(transformer).__name__]
            label = transformer if isinstance(transformer, str) else " → ".join(inner)
            steps.append({"name": f"{name}.{part}", "class": label, "columns": _listed(columns)})
    return steps


def _listed(columns: Any) -> str:
    return ", ".join(map(str, columns)) if isinstance(columns, (list, tuple)) else str(columns)


def sample_row(model: Model, holdout: Path | None) -> dict[str, Any]:
    """A real row where there is a table; else the values the fitted steps hold for usual."""
    if holdout is not None:
        row = table.read_for(holdout, model.features).iloc[0]
        return {feature.name: job.clean(row[feature.name]) for feature in model.features}
    return {feature.name: job.clean(feature.usual) for feature in model.features}


def onnx_of(model: Model) -> dict[str, Any]:
    """Whether it may be served as ONNX; `prepare` tries and proves it."""
    if not isinstance(model, Estimator):
        return {"onnx": True, "why": "It is ONNX already."}
    if importlib.util.find_spec("skl2onnx") is None:
        return {"onnx": False, "why": "The converter to ONNX does not fit this scikit-learn; it is served as it is."}
    return {"onnx": True, "why": "The converter is there; preparing it will show whether it agrees row by row."}


def main() -> None:
    arguments = job.parser(__doc__ or "")
    arguments.add_argument("--holdout", type=Path, help="a table; its first row becomes the sample")
    job.run(describe, arguments.parse_args())


if __name__ == "__main__":
    main()
