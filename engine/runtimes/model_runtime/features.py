"""What a fitted model expects in each column, as far as it knows: name, text or number, categories, a usual value."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from typing import Any


@dataclasses.dataclass
class Feature:
    """A column. `categories` are those it was fitted with; `low` and `high` where a scaler noted them."""

    name: str
    type: str = "number"  # or "text"
    categories: list[Any] | None = None
    usual: Any = None  # a value for the sample row
    low: float | None = None
    high: float | None = None
    spread: float | None = None  # a standard deviation, where a scaler noted one

    def as_dict(self) -> dict[str, Any]:
        return {key: value for key, value in dataclasses.asdict(self).items() if value is not None}


def features_of(estimator: Any) -> list[Feature]:
    """The columns in order. A model fitted without names gets x0, x1, …"""
    names = getattr(estimator, "feature_names_in_", None)
    if names is None and hasattr(estimator, "steps"):
        names = getattr(estimator.steps[0][1], "feature_names_in_", None)
    if names is None:
        count = getattr(estimator, "n_features_in_", 0)
        names = [f"x{index}" for index in range(int(count))]
    features = [Feature(str(name)) for name in names]
    _learn(estimator, features)
    for feature in features:
        if feature.usual is None:
            feature.usual = feature.categories[0] if feature.categories else ("" if feature.type == "text" else 0.0)
    return features


def _learn(estimator: Any, columns: list[Feature]) -> None:
    """Go through a pipeline's steps in order and note what each fitted step knows of its columns."""
    if hasattr(estimator, "transformers_"):
        for _, transformer, chosen in estimator.transformers_:
            if not isinstance(transformer, str):
                _learn(transformer, list(_chosen(chosen, columns)))
        return
    if hasattr(estimator, "steps"):
        for _, step in estimator.steps:
            if step is None or isinstance(step, str):
                continue
            _learn(step, columns)
            if getattr(step, "n_features_in_", None) != len(columns) or not _keeps_columns(step):
                return  # behind this step the columns are others
        return
    for note in (_categories, _centres, _bounds):
        note(estimator, columns)


def _chosen(chosen: Any, columns: list[Feature]) -> Iterator[Feature]:
    """A ColumnTransformer's columns: names, positions, a mask or a slice."""
    by_name = {column.name: column for column in columns}
    if isinstance(chosen, slice):
        yield from columns[chosen] if not isinstance(chosen.start, str) else ()
        return
    listed = [chosen] if isinstance(chosen, (str, int)) else list(chosen)
    if listed and all(type(item).__name__ in ("bool", "bool_") for item in listed):
        yield from (column for column, taken in zip(columns, listed, strict=True) if taken)
        return
    for item in listed:
        if isinstance(item, str):
            if item in by_name:
                yield by_name[item]
        elif int(item) < len(columns):
            yield columns[int(item)]


def _keeps_columns(step: Any) -> bool:
    return type(step).__name__ in (
        "SimpleImputer", "KNNImputer", "IterativeImputer", "StandardScaler", "MinMaxScaler", "MaxAbsScaler",
        "RobustScaler", "QuantileTransformer", "PowerTransformer", "OrdinalEncoder", "FunctionTransformer",
    )  # fmt: skip


def _categories(step: Any, columns: list[Feature]) -> None:
    """Encoders know every value they were fitted with."""
    if type(step).__name__ not in ("OneHotEncoder", "OrdinalEncoder", "TargetEncoder"):
        return
    for column, values in zip(columns, getattr(step, "categories_", []), strict=False):
        known = [value for value in values.tolist() if value is not None and value == value]
        column.categories = known
        column.type = "text" if any(isinstance(value, str) for value in known) else "number"
        if column.usual is None and known:
            column.usual = known[0]


def _centres(step: Any, columns: list[Feature]) -> None:
    """Means, medians and fill values, which make the sample row a plausible one."""
    for attribute in ("statistics_", "mean_", "center_"):
        values = getattr(step, attribute, None)
        if values is None or not hasattr(values, "tolist"):
            continue
        for column, value in zip(columns, values.tolist(), strict=False):
            if isinstance(value, str):
                column.type = "text"
            if column.usual is None and not (isinstance(value, float) and math.isnan(value)):
                column.usual = round(value, 4) if isinstance(value, float) else value
    scales = getattr(step, "scale_", None) if type(step).__name__ in ("StandardScaler", "RobustScaler") else None
    for column, value in zip(columns, scales.tolist() if scales is not None else [], strict=False):
        column.spread = float(value)


def _bounds(step: Any, columns: list[Feature]) -> None:
    lows, highs = getattr(step, "data_min_", None), getattr(step, "data_max_", None)
    if lows is None or highs is None or not hasattr(lows, "tolist"):
        return
    for column, low, high in zip(columns, lows.tolist(), highs.tolist(), strict=False):
        column.low, column.high = float(low), float(high)
        if column.usual is None:
            column.usual = round((low + high) / 2, 4)
