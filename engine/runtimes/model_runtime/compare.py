"""Compares a new model with the live one on the same rows: the paired difference decides.

    python -m model_runtime.compare --model NEW (--live LIVE | --live-scores S.json)
                                    --holdout H.csv --label y --out RESULT

`--live-scores` is what `evaluate --scores` kept of a model that needs another environment.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from . import job
from .evaluate import judged
from .model import open_model
from .reading import BadModel


def contrast(arguments: argparse.Namespace) -> job.Result:
    from . import figures  # numpy starts threads: only after this process has been confined

    new = open_model(arguments.model, allow=arguments.allow)
    metric, truth, given, predicted = judged(new, arguments.holdout, arguments.label)
    if arguments.live_scores:
        live_metric, live, live_predicted = _kept(arguments.live_scores, truth)
    else:
        old = open_model(arguments.live, allow=arguments.allow_live)
        live_metric, _, live, live_predicted = judged(old, arguments.holdout, arguments.label)
    if live_metric != metric:
        raise BadModel(f"The new model is judged by {metric}, the live one by {live_metric}: they do not compare.")
    observed, (low, high) = figures.difference(metric, truth, given, live)
    agree = None if live_predicted is None or metric == "r2" else float((predicted == live_predicted).mean())
    return {
        "metric": metric,
        "difference": observed,
        "interval": [low, high],
        "verdict": figures.verdict(low, high, arguments.margin),
        "margin": arguments.margin,
        "n": len(truth),
        "new": figures.value(metric, truth, given),
        "live": figures.value(metric, truth, live),
        "agreement": agree,  # share of rows both put into the same class
    }


def _kept(path: Path, truth: Any) -> tuple[str, Any, None]:
    import numpy as np

    kept = json.loads(path.read_text(encoding="utf-8"))
    if len(kept["truth"]) != len(truth) or not np.allclose(np.array(kept["truth"], float), truth):
        raise BadModel("The live model was measured on other rows: measure it on this table first.")
    return kept["metric"], np.array(kept["scores"], dtype=float), None


def main() -> None:
    arguments = job.parser(__doc__ or "")
    live = arguments.add_mutually_exclusive_group(required=True)
    live.add_argument("--live", type=Path, help="the live model's file")
    live.add_argument("--live-scores", type=Path, help="what `evaluate --scores` kept of it")
    arguments.add_argument(
        "--allow-live", action="append", default=[], help="a name approved for the live model's file"
    )
    arguments.add_argument("--holdout", type=Path, required=True)
    arguments.add_argument("--label", required=True)
    arguments.add_argument("--margin", type=float, default=0.0, help="differences smaller than this count as none")
    job.run(contrast, arguments.parse_args())


if __name__ == "__main__":
    main()
