"""Opens a scikit-learn model with an allow-list: exact names only, of classes and functions alike.

Call `confine.confine` first. joblib's and pickle's files are read by the same code, so joblib's own loader, which opens
arrays of objects without asking, is never used.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Collection
from pathlib import Path
from typing import IO, Any

from . import names
from .reading import DAMAGED, HOLE, BadModel, Hole, Stream, unpacked
from .scan import scan


class _AllowList(Stream):
    def __init__(self, source: IO[bytes], allow: frozenset[str]) -> None:
        super().__init__(source)
        self.allow = allow

    def find_class(self, module: str, name: str) -> Any:
        full = self.full_name(module, name)
        if full == HOLE:
            return Hole
        if full in SUBSTITUTES:
            return SUBSTITUTES[full]
        if names.is_forbidden(full) or not (names.is_allowed(full) or full in self.allow):
            raise BadModel(f"The file names {full}, which is not on the list of what a model may be made of.")
        try:
            value: Any = importlib.import_module(full.rpartition(".")[0])
            return getattr(value, full.rpartition(".")[2])
        except (ImportError, AttributeError) as error:
            raise BadModel(
                f"{full} is not in this environment: the model was made with other versions of its libraries."
            ) from error

    def fill(self, hole: Hole) -> Any:
        import numpy as np

        dtype = np.dtype(hole.dtype)
        if dtype.hasobject:
            return self.nested()
        self.skip_padding(hole)
        size = math.prod(hole.shape) * dtype.itemsize
        data = self.source.read(size) if size <= self.size - self.source.tell() else b""
        if len(data) != size:
            raise EOFError
        array = np.frombuffer(bytearray(data), dtype=dtype)
        return array.reshape(hole.shape[::-1]).T if hole.order == "F" else array.reshape(hole.shape)


def _ufunc(module: str, name: str) -> Any:
    """numpy's own would import any module and hand out anything in it."""
    import numpy as np

    ufunc = getattr(np, name, None) if module in ("numpy", "numpy.core._multiarray_umath") else None
    if module.startswith("scipy.special"):
        ufunc = getattr(importlib.import_module("scipy.special"), name, None)
    if not isinstance(ufunc, np.ufunc):
        raise BadModel(f"The file names {module}.{name}, which is not a function of numbers.")
    return ufunc


def _encode(text: str, encoding: str) -> bytes:
    """How protocols before 3 write bytes."""
    if encoding != "latin1":
        raise BadModel(f"The file asks for the codec {encoding}, which no model needs.")
    return text.encode(encoding)


SUBSTITUTES = {
    "numpy.core._ufunc_reconstruct": _ufunc,
    "numpy._core._ufunc_reconstruct": _ufunc,
    "_codecs.encode": _encode,
}


def load(path: Path, *, allow: Collection[str] = ()) -> Any:
    """The estimator in this file. Raises BadModel for a name that is not allowed, another scikit-learn, a damaged file.

    `allow`: names a person has approved for this very file. Forbidden ones stay forbidden.
    """
    scanned = scan(path, allow=allow)
    if scanned.problem:
        raise BadModel(scanned.problem)
    _check_version(scanned.sklearn_version)
    with unpacked(path) as plain:
        try:
            return _AllowList(plain, frozenset(allow)).load()
        except BadModel:
            raise
        except DAMAGED as error:
            raise BadModel(f"The model could not be opened: {type(error).__name__}: {error}.") from error


def _check_version(made_with: str | None) -> None:
    if made_with is None:
        return
    try:
        sklearn = importlib.import_module("sklearn")
    except ImportError:
        raise BadModel(f"scikit-learn {made_with} is not in this environment.") from None
    if made_with.split(".")[:2] != sklearn.__version__.split(".")[:2]:
        raise BadModel(
            f"The model was made with scikit-learn {made_with} and this environment has {sklearn.__version__}: "
            f"its answers may be wrong without any error. Open it with scikit-learn {made_with}."
        )
