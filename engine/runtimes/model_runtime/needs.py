"""Which Python and packages a model file needs: the scikit-learn it was made with, and what fits that. Standard library
only; the server's own process uses it."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection

from .reading import BadModel
from .scan import Scan

SERVER = ("starlette", "uvicorn", "httptools", "uvloop")
ONNX = ("onnx", "onnxruntime", "skl2onnx")

# scikit-learn's minor version → (Pythons it has wheels for, from 3.10 on; constraints without which it fails on import
# or in use: a bare scikit-learn==1.2.2 pulls numpy 2 and cannot be imported).
TABLE: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "1.0": (("3.10",), ("numpy<1.24", "scipy<1.10", "pandas<2")),
    "1.1": (("3.10", "3.11"), ("numpy<1.25", "scipy<1.12", "pandas<2")),
    "1.2": (("3.10", "3.11"), ("numpy<2", "scipy<1.13", "pandas<2.3")),
    "1.3": (("3.10", "3.11", "3.12"), ("numpy<2", "scipy<1.14", "pandas<3")),
    "1.4": (("3.10", "3.11", "3.12"), ("numpy<2", "scipy<1.15", "pandas<3")),
    "1.5": (("3.10", "3.11", "3.12", "3.13"), ("numpy<2.3", "scipy<1.16", "pandas<3")),
    "1.6": (("3.10", "3.11", "3.12", "3.13"), ("numpy<2.4", "scipy<1.17", "pandas<3")),
    "1.7": (("3.10", "3.11", "3.12", "3.13", "3.14"), ("numpy<2.4", "scipy<1.18", "pandas<3")),
    "1.8": (("3.11", "3.12", "3.13", "3.14"), ("numpy<3", "pandas<4")),
    "1.9": (("3.11", "3.12", "3.13", "3.14"), ("numpy<3", "pandas<4")),
}
LATEST = "1.9"
FIRST_WHEEL = {("1.1", "3.11"): 3, ("1.3", "3.12"): 2, ("1.5", "3.13"): 2, ("1.7", "3.14"): 2}  # patch version


@dataclasses.dataclass(frozen=True)
class Needs:
    """`pythons` oldest first; `optional` is left out where it does not resolve with the rest."""

    pythons: tuple[str, ...]
    requirements: tuple[str, ...]
    optional: tuple[str, ...] = ()


def requirements_for(sklearn_version: str | None, *, numpy_major: int | None = None) -> Needs:
    """For a scikit-learn model of this version; None for an ONNX model. Raises BadModel for a version too old."""
    if sklearn_version is None:
        return Needs(TABLE[LATEST][0], ("numpy<3", "pandas<3", "onnxruntime", *SERVER))
    parts = sklearn_version.split(".")
    minor = ".".join(parts[:2])
    if not all(part.isdigit() for part in parts[:2]) or (int(parts[0]), int(parts[1])) < (1, 0):
        raise BadModel(
            f"The model was made with scikit-learn {sklearn_version}; versions before 1.0 cannot be served. "
            "Train it again with a newer one."
        )
    pythons, constraints = TABLE.get(minor, TABLE[LATEST])
    patch = int(parts[2]) if len(parts) > 2 and parts[2].isdigit() else 0
    pythons = tuple(python for python in pythons if patch >= FIRST_WHEEL.get((minor, python), 0))
    if numpy_major == 1 and minor in ("1.5", "1.6"):
        constraints = tuple("numpy<2" if c.startswith("numpy") else c for c in constraints)
        pythons = tuple(python for python in pythons if python in ("3.10", "3.11", "3.12")) or pythons
    required = (f"scikit-learn=={sklearn_version}", *constraints, "joblib>=1.6", *SERVER)
    return Needs(pythons, required, ONNX)


def choose_python(needs: Needs, available: Collection[str], *, preferred: str = "3.11") -> str:
    """One of the installed Pythons; `preferred` when it fits, else the newest that does. Raises BadModel."""
    fitting = [python for python in needs.pythons if python in available]
    if preferred in fitting:
        return preferred
    if fitting:
        return fitting[-1]
    wanted = next((line for line in needs.requirements if "==" in line), "the model")
    there = ", ".join(sorted(available, key=lambda python: tuple(map(int, python.split("."))))) or "none"
    raise BadModel(
        f"{wanted.replace('==', ' ')} needs Python {' or '.join(needs.pythons)}. Installed here: {there}. "
        f"Install Python {needs.pythons[-1]}, then try again."
    )


def needs_of(scanned: Scan) -> Needs:
    """For a file that was scanned. Raises BadModel when it does not say which scikit-learn it was made with."""
    if scanned.format == "onnx":
        return requirements_for(None)
    if scanned.sklearn_version is None:
        named = f" It is a {scanned.estimator}." if scanned.estimator else ""
        raise BadModel(
            f"The file does not say which scikit-learn it was made with.{named} "
            "Only scikit-learn models (and ONNX models) can be served."
        )
    return requirements_for(scanned.sklearn_version, numpy_major=scanned.numpy_major)
