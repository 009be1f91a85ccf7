"""Reads a CSV as a model expects it, and says plainly what does not fit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .features import Feature
from .model import Answer, Model
from .reading import BadModel


def read(path: Path, *, text: list[str] | None = None) -> Any:
    """A pandas data frame. `text`: columns to keep as they are written (“007” stays “007”). Raises BadModel."""
    import pandas

    kept: Any = dict.fromkeys(text or [], str)
    try:
        frame = pandas.read_csv(path, dtype=kept, keep_default_na=True)
    except (ValueError, UnicodeDecodeError, pandas.errors.ParserError) as error:
        raise BadModel(f"The table cannot be read as CSV: {str(error).splitlines()[0]}") from error
    if frame.empty:
        raise BadModel("The table has no rows.")
    return frame


def read_for(path: Path, features: list[Feature], label: str | None = None) -> Any:
    """The table with the model's columns and the label. Raises BadModel naming what is missing."""
    frame = read(path, text=[f.name for f in features if f.type == "text" and f.name != label])
    there = ", ".join(map(str, frame.columns))
    if label is not None and label not in frame.columns:
        raise BadModel(f"The table has no column “{label}” for the label. Its columns are: {there}.")
    if missing := [feature.name for feature in features if feature.name not in frame.columns]:
        raise BadModel(f"The table lacks {', '.join(missing)}, which the model needs. Its columns are: {there}.")
    for feature in features:
        if feature.type == "number" and frame[feature.name].dtype == object:
            value = next(v for v in frame[feature.name] if isinstance(v, str))
            raise BadModel(f"The column {feature.name} should hold numbers; it holds “{value}”, for instance.")
    return frame


def answer(model: Model, frame: Any) -> Answer:
    return model.answer({feature.name: frame[feature.name].to_numpy() for feature in model.features})


def targets(model: Model, frame: Any, label: str) -> Any:
    """The labels as numbers: the class's place in the model's classes, or the value itself. Raises BadModel."""
    import numpy as np
    import pandas

    column = frame[label]
    if column.isna().any():
        raise BadModel(f"{int(column.isna().sum())} rows have no “{label}”: leave them out or fill them in.")
    if model.task == "regression":
        numbers = pandas.to_numeric(column, errors="coerce")
        if numbers.isna().any():
            raise BadModel(f"The model predicts a number; “{label}” holds “{column[numbers.isna()].iloc[0]}”.")
        return numbers.to_numpy(float)
    places = {key(value): index for index, value in enumerate(model.classes)}
    indexes = [places.get(key(value), -1) for value in column.tolist()]
    if -1 in indexes:
        odd = column.iloc[indexes.index(-1)]
        known = ", ".join(map(str, model.classes))
        raise BadModel(f"“{label}” holds {odd!r}, which is none of the model's classes ({known}).")
    return np.array(indexes)


def key(value: Any) -> str:
    """1, 1.0, "1" and True name the same class."""
    if isinstance(value, bool):
        return str(int(value))
    try:
        number = float(value)
    except (TypeError, ValueError):
        return {"true": "1", "false": "0"}.get(str(value).lower(), str(value))
    return str(int(number)) if number == int(number) else str(number)


def scores(model: Model, given: Answer) -> Any:
    """What the metric is reckoned from: P(second class) for two classes, the class's place, or the number."""
    import numpy as np

    if model.task == "regression":
        return np.asarray(given.predict, dtype=float)
    if len(model.classes) == 2 and given.probabilities is not None:
        return np.asarray(given.probabilities)[:, 1]
    places = {key(value): index for index, value in enumerate(model.classes)}
    return np.array([places[key(value)] for value in np.asarray(given.predict).tolist()])
