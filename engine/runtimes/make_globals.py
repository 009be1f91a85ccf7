"""Writes the part of `model_runtime/globals.txt` that comes from the scikit-learn this is run with, to stdout.

    for each supported version: its-python make_globals.py > VERSION.txt; sort -u *.txt

Classes are taken from scikit-learn's own modules, one by one; functions only where they are listed here, because a
function is called with whatever the file says. What is not written down here is not opened.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import sys
import warnings
from collections.abc import Iterator
from types import ModuleType

warnings.simplefilter("ignore")

# Modules whose classes no trained model needs: they read files, download, run code or are for tests.
LEFT_OUT = (
    "tests", "datasets", "externals", "conftest", "_testing", "experimental", "_build_utils", "parallel",
    "_mocking", "estimator_checks", "_estimator_html_repr", "setup", "_repr_html", "_joblib", "_plotting",
    "inspection", "show_versions", "_show_versions", "_distributor_init", "fixes", "deprecation",
    "_openmp_helpers", "_array_api", "discovery", "_test_common", "callback", "_callbacks",
    "_param_validation", "_plot", "_export", "_reingold_tilford", "_pprint", "_encode", "metaestimators",
    "_available_if", "_set_output", "_seq_dataset", "_pairwise_distances_reduction", "_cython_blas",
    "_quad_tree", "_fast_dict", "_vector_sentinel",
)  # fmt: skip
LEFT_OUT_CLASSES = ("parallel_backend", "Display")  # fragments of names
FUNCTION_MODULES = (
    "sklearn.metrics._classification",
    "sklearn.metrics._regression",
    "sklearn.metrics._ranking",
    "sklearn.metrics.pairwise",
    "sklearn.feature_selection._univariate_selection",
    "sklearn.feature_selection._mutual_info",
)  # fmt: skip  - pure functions of arrays
FUNCTIONS = {"sklearn.metrics._dist_metrics.newObj", "sklearn.neighbors._kd_tree.newObj",
             "sklearn.neighbors._ball_tree.newObj", "sklearn.neighbors._dist_metrics.newObj",
             "sklearn.preprocessing._function_transformer._identity"}  # fmt: skip


def modules() -> Iterator[ModuleType]:
    sklearn = importlib.import_module("sklearn")
    yield sklearn
    for module in pkgutil.walk_packages(sklearn.__path__, "sklearn.", onerror=lambda _: None):
        if any(part in LEFT_OUT for part in module.name.split(".")):
            continue
        try:
            yield importlib.import_module(module.name)
        except Exception:  # noqa: S112 - a module that cannot be imported has nothing to offer
            continue


def wanted(module: ModuleType) -> Iterator[str]:
    for name, value in vars(module).items():
        full = f"{module.__name__}.{name}"
        ours = getattr(value, "__module__", None) == module.__name__
        takes = (
            (
                inspect.isclass(value)
                and ours
                and not issubclass(value, (Warning, BaseException))
                and not any(part in name for part in LEFT_OUT_CLASSES)
            )
            or full in FUNCTIONS
            or (name.startswith("__pyx_unpickle_") and not name.endswith("Enum"))
            or (module.__name__ in FUNCTION_MODULES and inspect.isfunction(value) and ours and not name.startswith("_"))
        )
        if takes:
            yield full


if __name__ == "__main__":
    sys.stdout.write("".join(f"{name}\n" for name in sorted({n for module in modules() for n in wanted(module)})))
