"""One face for both kinds of model: an estimator that was opened, and an ONNX file."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from .features import Feature, features_of
from .loading import load
from .reading import BadModel
from .scan import scan

# Classifiers whose `predict` is nothing but the most likely class.
ARGMAX = ("LogisticRegression", "RandomForestClassifier", "ExtraTreesClassifier", "DecisionTreeClassifier",
          "GaussianNB",
          "HistGradientBoostingClassifier", "GradientBoostingClassifier")  # fmt: skip
Columns = Mapping[str, Sequence[Any]]


@dataclasses.dataclass(frozen=True)
class Answer:
    """`predict`: n values (numpy). `probabilities`: n × classes, for classifiers that have them."""

    predict: Any
    probabilities: Any = None


class Model(Protocol):
    task: str  # "classification" or "regression"
    classes: list[Any]
    features: list[Feature]
    platform: str

    def answer(self, columns: Columns) -> Answer:
        """`columns`: for each feature its n values, numbers or strings. Raises BadModel when they do not fit."""
        ...


class Estimator:
    """A scikit-learn estimator. A data frame is only made where the model asks for columns by name."""

    platform = "sklearn"

    def __init__(self, estimator: Any) -> None:
        if not hasattr(estimator, "predict"):
            raise BadModel(f"A {type(estimator).__name__} cannot predict: it is not a model that can be served.")
        self.estimator = estimator
        self.task = task_of(estimator)
        self.classes = [plain(value) for value in getattr(estimator, "classes_", [])]
        self.features = features_of(estimator)
        if not self.features:
            raise BadModel(f"This {type(estimator).__name__} was never fitted: train it before it is served.")
        self.names = [feature.name for feature in self.features]
        self.by_name = getattr(estimator, "feature_names_in_", None) is not None

    def answer(self, columns: Columns) -> Answer:
        import numpy as np

        table: Any
        if self.by_name:
            import pandas

            table = pandas.DataFrame({name: columns[name] for name in self.names}, columns=self.names)
        else:
            table = np.column_stack([np.asarray(columns[name]) for name in self.names])
        try:
            if self.task == "classification" and hasattr(self.estimator, "predict_proba"):
                probabilities = self.estimator.predict_proba(table)
                classes = self.estimator.classes_
                if type(self.estimator).__name__ == "Pipeline":
                    return Answer(_most_likely(self.estimator, table, classes, probabilities), probabilities)
                return Answer(self.estimator.predict(table), probabilities)
            return Answer(self.estimator.predict(table))
        except (ValueError, TypeError, KeyError) as error:
            raise BadModel(f"The model could not work with this: {error}") from error


def says_most_likely(estimator: Any) -> bool:
    """Whether its `predict` is nothing but the most likely class."""
    last = estimator.steps[-1][1] if hasattr(estimator, "steps") else estimator
    return type(last).__name__ in ARGMAX


def _most_likely(pipeline: Any, table: Any, classes: Any, probabilities: Any) -> Any:
    """Saves a second walk through the pipeline where that can be."""
    if says_most_likely(pipeline):
        return classes.take(probabilities.argmax(axis=1), axis=0)
    return pipeline.predict(table)


class Onnx:
    """An ONNX file. `schema` (features, task, classes) is known for one that was converted here; else it is guessed
    from the file's inputs and outputs."""

    platform = "onnx"

    def __init__(self, path: Path, schema: Mapping[str, Any] | None = None) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4
        try:
            self.session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:
            raise BadModel(f"The ONNX model could not be opened: {str(error).splitlines()[0]}") from error
        self.inputs = self.session.get_inputs()
        self.outputs = [output.name for output in self.session.get_outputs()][:2]
        self.features = [Feature(**feature) for feature in schema["features"]] if schema else self._features()
        self.task = str(schema["task"]) if schema else self._task()
        self.classes = list(schema["classes"]) if schema else []
        by_name = {feature.name: feature for feature in self.features}
        named = all(entry.name in by_name and entry.shape[1:] == [1] for entry in self.inputs)
        self.columnwise = [by_name[entry.name] for entry in self.inputs] if named else []
        import numpy as np

        self.by_likelihood = np.array(self.classes) if schema and schema.get("most_likely") else None
        kinds = {"tensor(float)": np.float32, "tensor(double)": np.float64, "tensor(int64)": np.int64,
                 "tensor(int32)": np.int32, "tensor(bool)": np.bool_, "tensor(string)": object}  # fmt: skip
        self.kinds = [kinds.get(entry.type, np.float32) for entry in self.inputs]
        if not schema and self.task == "classification":
            self.classes = self._classes()

    def _features(self) -> list[Feature]:
        def of(kind: str) -> str:
            return "text" if "string" in kind else "number"

        if len(self.inputs) == 1:
            width = self.inputs[0].shape[-1] if len(self.inputs[0].shape) > 1 else 1
            if not isinstance(width, int):
                raise BadModel("The ONNX model does not say how many columns it takes: convert it with a fixed width.")
            kind = of(self.inputs[0].type)
            usual: Any = "" if kind == "text" else 0.0
            return [Feature(f"x{index}", kind, usual=usual) for index in range(width)]
        return [
            Feature(entry.name, of(entry.type), usual="" if "string" in entry.type else 0.0) for entry in self.inputs
        ]

    def _task(self) -> str:
        kind = self.session.get_outputs()[0].type
        return "classification" if "int64" in kind or "string" in kind else "regression"

    def _classes(self) -> list[Any]:
        answer = self.answer({feature.name: [feature.usual] for feature in self.features})
        if answer.probabilities is None:
            return []
        return list(self.labels) if self.labels else list(range(answer.probabilities.shape[1]))

    labels: list[Any] | None = None

    def answer(self, columns: Columns) -> Answer:
        import numpy as np

        try:
            if self.columnwise:
                feed = {
                    entry.name: np.asarray(columns[feature.name], dtype=kind).reshape(-1, 1)
                    for entry, feature, kind in zip(self.inputs, self.columnwise, self.kinds, strict=True)
                }
            else:
                table = np.column_stack([np.asarray(columns[feature.name]) for feature in self.features])
                feed = {self.inputs[0].name: table.astype(self.kinds[0])}
            results = self.session.run(self.outputs, feed)
        except Exception as error:
            raise BadModel(f"The model could not work with this: {str(error).splitlines()[0]}") from error
        if self.by_likelihood is not None:  # half against half goes to the first class, as it does in scikit-learn
            return Answer(self.by_likelihood[np.round(results[1], 6).argmax(axis=1)], results[1])
        predicted = np.asarray(results[0])
        predicted = predicted.reshape(len(predicted), -1)[:, 0] if predicted.ndim > 1 else predicted
        return Answer(predicted, self._probabilities(results[1]) if len(results) > 1 else None)

    def _probabilities(self, results: Any) -> Any:
        """A tensor; or, from older converters, a list of {class: probability}."""
        import numpy as np

        if isinstance(results, list) and results and isinstance(results[0], dict):
            self.labels = list(results[0])
            return np.array([list(row.values()) for row in results])
        return np.asarray(results)


def open_model(path: Path, *, allow: Collection[str] = ()) -> Estimator | Onnx:
    """Whatever this file is. Raises BadModel."""
    scanned = scan(path, allow=allow)
    return Onnx(path) if scanned.format == "onnx" else Estimator(load(path, allow=allow))


def task_of(estimator: Any) -> str:
    """By the estimator's own kind; its classes decide for those that do not say."""
    kind = getattr(estimator, "_estimator_type", None)
    if kind is None and hasattr(estimator, "steps"):
        kind = getattr(estimator.steps[-1][1], "_estimator_type", None)
    if kind == "classifier" or hasattr(estimator, "classes_"):
        return "classification"
    return "regression"


def plain(value: Any) -> Any:
    """A numpy scalar as Python has it."""
    return value.item() if hasattr(value, "item") else value
