"""The Open Inference Protocol, version 2: requests to columns, answers to responses. Pure; knows no server.

A table with columns of several types is one tensor per column (BYTES for text, FP64 or INT64 for numbers); numbers
alone may come as one tensor of n × columns. Tensors may be in the JSON or, as KServe's client likes to send them, raw
behind it (the binary tensor data extension).
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Mapping, Sequence
from typing import Any

from .features import Feature
from .model import Answer
from .reading import BadModel

FORMATS = {"BOOL": "?", "UINT8": "B", "UINT16": "H", "UINT32": "I", "UINT64": "Q", "INT8": "b", "INT16": "h",
           "INT32": "i", "INT64": "q", "FP16": "e", "FP32": "f", "FP64": "d"}  # fmt: skip
Columns = dict[str, Sequence[Any]]


class BadRequest(BadModel):
    """The request does not fit the model; answered with 400 and the sentence."""


def metadata(
    name: str, version: str, platform: str, features: Sequence[Feature], classes: Sequence[Any], probabilities: bool
) -> dict[str, Any]:
    """What GET /v2/models/NAME answers. `classes` is empty for a model that predicts a number."""
    predicted = "BYTES" if classes and isinstance(classes[0], str) else "INT64" if classes else "FP64"
    outputs: list[dict[str, Any]] = [{"name": "predict", "datatype": predicted, "shape": [-1]}]
    if probabilities:
        labels = {"classes": [str(value) for value in classes]}
        outputs.append({"name": "probabilities", "datatype": "FP64", "shape": [-1, len(classes)], "parameters": labels})
    return {
        "name": name,
        "versions": [version],
        "platform": platform,
        "inputs": [{"name": f.name, "datatype": _datatype(f), "shape": [-1]} for f in features],
        "outputs": outputs,
    }


def _datatype(feature: Feature) -> str:
    return "BYTES" if feature.type == "text" else "FP64"


def request_for(features: Sequence[Feature], rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """A request with these rows: one tensor per column."""
    return {
        "inputs": [
            {"name": f.name, "shape": [len(rows)], "datatype": _datatype(f), "data": [row[f.name] for row in rows]}
            for f in features
        ]
    }


def columns_of(request: Any, features: Sequence[Feature], raw: bytes = b"") -> tuple[Columns, int]:
    """(the columns, rows) of a request that was read from JSON; `raw` are the bytes behind it. Raises BadRequest."""
    tensors = request.get("inputs") if isinstance(request, dict) else None
    if not isinstance(tensors, list) or not tensors or not all(isinstance(tensor, dict) for tensor in tensors):
        raise BadRequest('The request needs "inputs": a list of tensors with name, shape, datatype and data.')
    data = [_data(tensor, raw_part) for tensor, raw_part in zip(tensors, _cut(tensors, raw), strict=True)]
    if len(tensors) == 1 and (len(features) > 1 or len(tensors[0].get("shape") or []) == 2):
        columns = _from_matrix(tensors[0], data[0], features)
    else:
        columns = _from_columns(tensors, data, features)
    return columns, _rows(columns, features)


def columns_of_rows(rows: Any, features: Sequence[Feature]) -> tuple[Columns, int]:
    """The same for a list of {column: value}. Raises BadRequest."""
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        raise BadRequest('The request needs a row {"column": value, …} or {"rows": [row, …]}.')
    expected = {feature.name for feature in features}
    for row in rows:
        if row.keys() != expected:
            raise BadRequest(_which(list(row), [feature.name for feature in features]))
    columns: Columns = {feature.name: [row[feature.name] for row in rows] for feature in features}
    return columns, _rows(columns, features)


def response(name: str, version: str, request_id: Any, answer: Answer, classes: Sequence[Any]) -> dict[str, Any]:
    """`predict` and, for classifiers that have them, `probabilities` (n × classes, in the order of the metadata)."""
    outputs = [tensor("predict", answer.predict.tolist())]
    if answer.probabilities is not None:
        outputs.append({
            "name": "probabilities",
            "shape": list(answer.probabilities.shape),
            "datatype": "FP64",
            "parameters": {"classes": [str(value) for value in classes]},
            "data": answer.probabilities.ravel().tolist(),
        })  # fmt: skip
    body = {"model_name": name, "model_version": version, "outputs": outputs}
    if request_id is not None:
        body["id"] = request_id
    return body


def tensor(name: str, values: list[Any]) -> dict[str, Any]:
    """One dimension of Python values as a tensor."""
    first = values[0]
    datatype = "BOOL" if isinstance(first, bool) else "INT64" if isinstance(first, int) else "FP64"
    if isinstance(first, str):
        datatype = "BYTES"
    return {"name": name, "shape": [len(values)], "datatype": datatype, "data": values}


def predictions(answer: Answer, classes: Sequence[Any]) -> list[dict[str, Any]]:
    """For people: [{"predict": …, "probabilities": {class: p}}]."""
    predicted = answer.predict.tolist()
    if answer.probabilities is None:
        return [{"predict": value} for value in predicted]
    labels = [str(value) for value in classes]
    return [
        {"predict": value, "probabilities": dict(zip(labels, row, strict=False))}
        for value, row in zip(predicted, answer.probabilities.tolist(), strict=True)
    ]


def split(body: bytes, header_length: str | None) -> tuple[Any, bytes]:
    """(the JSON object, the raw tensors behind it). Raises BadRequest."""
    size = int(header_length) if header_length and header_length.isdigit() else len(body)
    try:
        return json.loads(body[:size]), body[size:]
    except ValueError:
        raise BadRequest("The body is not JSON.") from None


def _cut(tensors: Sequence[Mapping[str, Any]], raw: bytes) -> list[bytes | None]:
    parts: list[bytes | None] = []
    at = 0
    for entry in tensors:
        size = (entry.get("parameters") or {}).get("binary_data_size")
        parts.append(None if size is None else raw[at : at + int(size)])
        at += int(size or 0)
    return parts


def _data(entry: Mapping[str, Any], raw: bytes | None) -> list[Any]:
    if raw is None:
        data = entry.get("data")
        if not isinstance(data, list):
            raise BadRequest(f"The tensor {entry.get('name')} has no list of data.")
        while data and isinstance(data[0], list):
            data = [value for row in data for value in row]
        return data
    if entry.get("datatype") == "BYTES":
        return _strings(raw)
    form = FORMATS.get(str(entry.get("datatype")))
    if form is None or len(raw) % struct.calcsize(form):
        raise BadRequest(f"The raw data of {entry.get('name')} is not {entry.get('datatype')}.")
    return list(struct.unpack(f"<{len(raw) // struct.calcsize(form)}{form}", raw))


def _strings(raw: bytes) -> list[Any]:
    """Each with its length before it: four bytes, little-endian."""
    strings, at = [], 0
    while at + 4 <= len(raw):
        (size,) = struct.unpack_from("<I", raw, at)
        strings.append(raw[at + 4 : at + 4 + size].decode("utf-8", "replace"))
        at += 4 + size
    return strings


def _from_matrix(entry: Mapping[str, Any], data: list[Any], features: Sequence[Feature]) -> Columns:
    shape = entry.get("shape") or []
    width = len(features)
    if len(shape) != 2 or shape[1] != width or len(data) != math.prod(shape):
        raise BadRequest(
            f"The model takes {width} columns ({', '.join(f.name for f in features)}): send one tensor for each, "
            f"or one of shape [rows, {width}]; this one has shape {shape} and {len(data)} values."
        )
    return {feature.name: data[index::width] for index, feature in enumerate(features)}


def _from_columns(tensors: Sequence[Mapping[str, Any]], data: list[list[Any]], features: Sequence[Feature]) -> Columns:
    columns: Columns = {str(entry.get("name")): values for entry, values in zip(tensors, data, strict=True)}
    expected = [feature.name for feature in features]
    if columns.keys() != set(expected):
        raise BadRequest(_which(list(columns), expected))
    return columns


def _which(names: Sequence[str], expected: Sequence[str]) -> str:
    missing = [name for name in expected if name not in names]
    unknown = [name for name in names if name not in expected]
    problems = ([f"{', '.join(missing)} missing"] if missing else []) + (
        [f"{', '.join(unknown)} unknown"] if unknown else []
    )
    return f"The columns do not fit: {'; '.join(problems)}. The model takes {', '.join(expected)}."


def _rows(columns: Columns, features: Sequence[Feature]) -> int:
    """All columns have as many rows, and values of their type: null, or text where text belongs."""
    sizes = {len(values) for values in columns.values()}
    if len(sizes) != 1 or 0 in sizes:
        counted = ", ".join(f"{name}: {len(values)}" for name, values in columns.items())
        raise BadRequest(f"All columns need the same number of rows, at least one ({counted}).")
    for feature in features:
        values = columns[feature.name]
        if feature.type == "text":
            columns[feature.name] = [_text(feature, value) for value in values]
        elif not all(type(value) in (int, float) for value in values):
            columns[feature.name] = [_number(feature, value) for value in values]
    return sizes.pop()


def _text(feature: Feature, value: Any) -> Any:
    if isinstance(value, str) or value is None:
        return value
    raise BadRequest(f"{feature.name} takes text; it was given {value!r}.")


def _number(feature: Feature, value: Any) -> Any:
    if isinstance(value, bool) or value is None:
        return float("nan") if value is None else int(value)
    if isinstance(value, (int, float)):
        return value
    raise BadRequest(f"{feature.name} takes a number; it was given {value!r}.")
