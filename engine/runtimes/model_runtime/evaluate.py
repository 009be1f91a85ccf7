"""Measures a model on rows it has not seen.

    python -m model_runtime.evaluate --model M --holdout H.csv --label y [--scores S.json] --out RESULT

`--scores` keeps what the model said of each row, for `compare` with a model of another scikit-learn.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from . import job, table
from .model import Model, open_model
from .reading import BadModel


def measure(arguments: argparse.Namespace) -> job.Result:
    from . import figures  # numpy starts threads: only after this process has been confined

    model = open_model(arguments.model, allow=arguments.allow)
    metric, truth, given, predicted = judged(model, arguments.holdout, arguments.label)
    if arguments.scores:
        arguments.scores.write_text(
            json.dumps(job.clean({"metric": metric, "truth": truth, "scores": given})), encoding="utf-8"
        )
    low, high = figures.interval(metric, truth, given)
    return {
        "metric": metric,
        "value": figures.value(metric, truth, given),
        "n": len(truth),
        "interval": [low, high],
        "greater_is_better": True,
        "extra": figures.extras(metric, truth, given, predicted),
    }


def judged(model: Model, holdout: Path, label: str) -> tuple[str, Any, Any, Any]:
    """(metric, truth, scores, predicted classes or values). Raises BadModel where the table does not fit."""
    import numpy as np

    from . import figures

    frame = table.read_for(holdout, model.features, label)
    truth = table.targets(model, frame, label)
    answer = table.answer(model, frame)
    metric = figures.metric_of(model.task, len(model.classes), scored=answer.probabilities is not None)
    if metric == "auc" and len(set(truth.tolist())) < 2:
        raise BadModel(f"All {len(truth)} rows have the same “{label}”: a model cannot be judged on one class.")
    given = table.scores(model, answer)
    if metric == "r2":
        return metric, truth, given, given
    places = {table.key(value): index for index, value in enumerate(model.classes)}
    predicted = np.array([places.get(table.key(value), -1) for value in np.asarray(answer.predict).tolist()])
    return metric, truth, given, predicted


def main() -> None:
    arguments = job.parser(__doc__ or "")
    arguments.add_argument("--holdout", type=Path, required=True)
    arguments.add_argument("--label", required=True, help="the column with the truth")
    arguments.add_argument("--scores", type=Path, help="where the score of each row is kept")
    job.run(measure, arguments.parse_args())


if __name__ == "__main__":
    main()
