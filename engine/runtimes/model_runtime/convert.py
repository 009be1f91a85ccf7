"""Converts an estimator to ONNX and proves that it answers alike. An optimisation, never a requirement."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

from . import table
from .features import Feature
from .model import Answer, Estimator, Model, Onnx, says_most_likely
from .reading import BadModel

ALIKE = 1e-4  # largest difference of a probability, or of a value relative to the values' spread
ROWS = 200


def to_onnx(model: Estimator, path: Path, holdout: Path | None) -> str:
    """Write the file; "" when it agrees, else a sentence that says why it is not used."""
    try:
        from skl2onnx import convert_sklearn  # type: ignore[import-not-found,unused-ignore]
    except Exception as error:  # an import of another library's that fails in any way means: not here
        return f"The converter to ONNX is not in this environment ({type(error).__name__}); it is served as it is."
    rows = _rows(model, holdout)
    why = ""
    for precise in (True, False):
        try:
            converted = convert_sklearn(model.estimator, initial_types=_types(model, precise), options=_options(model))
            if precise:
                _impute_in_double(converted)
                _split_in_single(converted)
            path.write_bytes(converted.SerializeToString())
            why = _unlike(model, Onnx(path, schema_of(model)), rows)
        except Exception as error:  # the converter fails in as many ways as there are estimators
            why = f"It cannot be converted to ONNX ({_reason(error)}); it is served as it is."
        if not why:
            return ""
    return why


def _types(model: Estimator, precise: bool) -> list[tuple[str, Any]]:
    from skl2onnx.common import data_types  # type: ignore[import-not-found,unused-ignore]

    number = data_types.DoubleTensorType if precise else data_types.FloatTensorType
    if not model.by_name:
        return [("x", number([None, len(model.features)]))]
    return [
        (feature.name, (data_types.StringTensorType if feature.type == "text" else number)([None, 1]))
        for feature in model.features
    ]


def _impute_in_double(converted: Any) -> None:
    """onnxruntime fills in missing values only for single precision, in which values that lie on a tree's threshold
    fall to the other side. The same with two general operators, which it has for both."""
    import numpy as np
    from onnx import helper, numpy_helper  # type: ignore[import-not-found,unused-ignore]

    graph = converted.graph
    for node in [node for node in graph.node if node.op_type == "Imputer"]:
        values = next(list(a.floats) for a in node.attribute if a.name == "imputed_value_floats")
        replaced = next((a.f for a in node.attribute if a.name == "replaced_value_float"), 0.0)
        if replaced == replaced:
            continue
        name = f"{node.name}_{node.output[0]}"
        graph.initializer.append(numpy_helper.from_array(np.array([values], dtype=np.float64), f"{name}_values"))
        place = list(graph.node).index(node)
        graph.node.remove(node)
        graph.node.insert(place, helper.make_node("IsNaN", [node.input[0]], [f"{name}_missing"]))
        filled = [f"{name}_missing", f"{name}_values", node.input[0]]
        graph.node.insert(place + 1, helper.make_node("Where", filled, [node.output[0]]))


def _split_in_single(converted: Any) -> None:
    """scikit-learn's trees round a value to single precision before they compare it: so must the converted ones. Their
    thresholds are single already, rounded down, which keeps every comparison as it was."""
    from onnx import TensorProto, helper  # type: ignore[import-not-found,unused-ignore]

    graph = converted.graph
    for node in [node for node in graph.node if node.op_type.startswith("TreeEnsemble")]:
        if any(attribute.name.endswith("_as_tensor") for attribute in node.attribute):
            continue
        rounded = f"{node.name}_rounded"
        graph.node.insert(
            list(graph.node).index(node), helper.make_node("Cast", [node.input[0]], [rounded], to=TensorProto.FLOAT)
        )
        node.input[0] = rounded


def _options(model: Estimator) -> Any:
    return {id(model.estimator): {"zipmap": False}} if model.task == "classification" else None


def schema_of(model: Model) -> dict[str, Any]:
    """The features, classes and task of the model, which its ONNX form does not hold."""
    features = [feature.as_dict() for feature in model.features]
    likely = isinstance(model, Estimator) and model.task == "classification" and says_most_likely(model.estimator)
    return {"features": features, "task": model.task, "classes": model.classes, "most_likely": likely}


def _rows(model: Estimator, holdout: Path | None) -> dict[str, list[Any]]:
    """Real rows where there are some; else made from what the fitted steps know of their columns. Seeded."""
    if holdout is not None:
        frame = table.read_for(holdout, model.features)
        return {feature.name: frame[feature.name].tolist() for feature in model.features}
    drawn = random.Random(7)  # noqa: S311 - rows to compare on, no secret
    return {feature.name: [_value(feature, drawn) for _ in range(ROWS)] for feature in model.features}


def _value(feature: Feature, drawn: random.Random) -> Any:
    if feature.categories:
        return drawn.choice(feature.categories)
    if feature.type == "text":
        return feature.usual
    if feature.low is not None and feature.high is not None:
        return drawn.uniform(feature.low, feature.high)
    middle = float(feature.usual or 0.0)
    return drawn.gauss(middle, feature.spread or abs(middle) or 1.0)


def _unlike(model: Estimator, converted: Onnx, rows: dict[str, list[Any]]) -> str:
    """Where the two answers differ; "" when they do not."""
    import numpy as np

    old, new = model.answer(rows), converted.answer(rows)
    count = len(old.predict)
    if model.task == "classification":
        differing = sum(
            table.key(a) != table.key(b) for a, b in zip(old.predict.tolist(), new.predict.tolist(), strict=True)
        )
        if differing:
            return f"As ONNX it puts {differing} of {count} rows into another class; it is served as it is."
        return _unlike_probabilities(old, new)
    spread = float(np.ptp(old.predict)) or float(np.abs(old.predict).max()) or 1.0
    largest = float(np.abs(np.asarray(old.predict, float) - np.asarray(new.predict, float)).max()) / spread
    return f"As ONNX its values differ by up to {largest:.2%}; it is served as it is." if largest > ALIKE else ""


def _unlike_probabilities(old: Answer, new: Answer) -> str:
    import numpy as np

    if old.probabilities is None or new.probabilities is None:
        return "" if old.probabilities is None else "As ONNX it gives no probabilities; it is served as it is."
    largest = float(np.abs(old.probabilities - new.probabilities).max())
    return f"As ONNX its probabilities differ by up to {largest:.4f}; it is served as it is." if largest > ALIKE else ""


def _reason(error: Exception) -> str:
    if isinstance(error, BadModel):
        return str(error)
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0][:160]}" if lines else type(error).__name__
