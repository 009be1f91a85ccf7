"""Checks that a table has the features the model was trained on: names, order and types fail, the rest warns.

    python -m model_runtime.parity --model M --holdout H.csv [--label y] [--reference R.csv] --out RESULT

A model file holds no training data: categories and ranges are those its fitted steps know. With a reference table the
distributions are compared too; below 200 rows they are not judged (PSI exceeds 0.1 on most windows of 100 by chance).
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from . import job, table
from .features import Feature
from .model import Estimator, open_model

ENOUGH = 200  # rows
PSI_WARNS = 0.1
NULLS_WARN = 0.05  # share


def check(arguments: argparse.Namespace) -> job.Result:
    model = open_model(arguments.model, allow=arguments.allow)
    texts = [feature.name for feature in model.features if feature.type == "text"]
    frame = table.read(arguments.holdout, text=texts)
    columns = [str(column) for column in frame.columns if column != arguments.label]
    named = not isinstance(model, Estimator) or model.by_name
    failures = _names(model.features, columns) if named else _count(model.features, columns)
    present = [feature for feature in model.features if feature.name in columns]
    failures += [sentence for feature in present if (sentence := _type(feature, frame[feature.name]))]
    warnings = [sentence for feature in present for sentence in _values(feature, frame[feature.name])]
    result: job.Result = {}
    if arguments.reference:
        drift, drift_warnings = _drift(model.features, table.read(arguments.reference, text=texts), frame)
        result["psi"] = drift
        warnings += drift_warnings
    return {
        "ok": not failures,
        "columns_expected": [feature.name for feature in model.features],
        "columns_found": columns,
        "rows": len(frame),
        "failures": failures,
        "warnings": warnings,
        **result,
    }


def _names(features: list[Feature], columns: list[str]) -> list[str]:
    expected = [feature.name for feature in features]
    missing = [name for name in expected if name not in columns]
    extra = [name for name in columns if name not in expected]
    problems = [f"{name} is missing" + _almost(name, extra) + "." for name in missing]
    problems += [f"{name} is not a feature of the model." for name in extra]
    if not problems and columns != expected:
        place = next(i for i, (given, wanted) in enumerate(zip(columns, expected, strict=True)) if given != wanted)
        problems.append(f"The columns are in another order: {columns[place]} stands where {expected[place]} should.")
    return problems


def _almost(name: str, others: list[str]) -> str:
    import difflib

    close = difflib.get_close_matches(name.lower(), [other.lower() for other in others], n=1)
    original = next((other for other in others if close and other.lower() == close[0]), "")
    return f"; perhaps it is called {original} here" if original else ""


def _count(features: list[Feature], columns: list[str]) -> list[str]:
    if len(columns) == len(features):
        return []
    return [f"The model takes {len(features)} columns (it was trained without names); the table has {len(columns)}."]


def _type(feature: Feature, column: Any) -> str:
    if feature.type == "number" and column.dtype == object:
        example = next((value for value in column if isinstance(value, str)), "text")
        return f"{feature.name} should hold numbers; it holds “{example}”, for instance."
    if feature.type == "text" and feature.categories and not column.isna().all():
        known = {str(value) for value in feature.categories}
        if not any(value in known for value in column.dropna().astype(str).unique()):
            return f"No value of {feature.name} is one the model knows ({', '.join(sorted(known)[:5])})."
    return ""


def _values(feature: Feature, column: Any) -> list[str]:
    problems = []
    nulls = float(column.isna().mean())
    if nulls > NULLS_WARN:
        problems.append(f"{feature.name} is empty in {nulls:.0%} of the rows.")
    if feature.categories:
        known = {table.key(value) for value in feature.categories}
        unseen = column.dropna()[[table.key(value) not in known for value in column.dropna().tolist()]]
        if len(unseen):
            share = len(unseen) / len(column)
            problems.append(
                f"{feature.name} holds “{unseen.iloc[0]}”, which the model never saw ({share:.1%} of the rows)."
            )
    if feature.low is not None and feature.high is not None and column.dtype != object:
        beyond = float(((column < feature.low) | (column > feature.high)).mean())
        if beyond:
            span = f"{feature.low:g} to {feature.high:g}"
            problems.append(f"{feature.name} is outside {span} in {beyond:.1%} of the rows.")
    return problems


def _drift(features: list[Feature], reference: Any, frame: Any) -> tuple[dict[str, float], list[str]]:
    """PSI per feature, and warnings; nothing is judged below 200 rows on either side."""
    short = min(len(reference), len(frame))
    if short < ENOUGH:
        return {}, [f"The distributions are not judged yet: {short} of {ENOUGH} rows."]
    drifts = {
        feature.name: psi(reference[feature.name], frame[feature.name], text=feature.type == "text")
        for feature in features
        if feature.name in reference.columns and feature.name in frame.columns
    }
    drifted = {name: psi for name, psi in drifts.items() if psi > PSI_WARNS}
    return drifts, [f"{name} is distributed otherwise than before (PSI {psi:.2f})." for name, psi in drifted.items()]


def psi(before: Any, after: Any, *, text: bool) -> float:
    """Population stability index: over categories, or over ten quantile bins of the reference."""
    import numpy as np

    if text:
        kinds = sorted(set(before.dropna().astype(str)) | set(after.dropna().astype(str)))
        counts = [np.array([(side.astype(str) == kind).sum() for kind in kinds], float) for side in (before, after)]
    else:
        edges = np.unique(np.quantile(before.dropna(), np.linspace(0, 1, 11)[1:-1]))
        counts = [
            np.bincount(np.searchsorted(edges, side.dropna()), minlength=len(edges) + 1).astype(float)
            for side in (before, after)
        ]
    old, new = (np.maximum(count / max(1.0, count.sum()), 1e-4) for count in counts)
    return float(((new - old) * np.log(new / old)).sum())


def main() -> None:
    arguments = job.parser(__doc__ or "")
    arguments.add_argument("--holdout", type=Path, required=True, help="the table to check")
    arguments.add_argument("--label", help="a column that is not a feature")
    arguments.add_argument("--reference", type=Path, help="a table to compare distributions with")
    job.run(check, arguments.parse_args())


if __name__ == "__main__":
    main()
