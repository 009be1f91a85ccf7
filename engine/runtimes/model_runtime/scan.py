"""Says what a model file is and what it names, without opening it: nothing in the file is ever imported or called.

The pickle's own small machine is run with inert stand-ins for everything it names, which reads names that are put
together on its stack (where a list of opcodes sees only strings) and raw arrays in between. Standard library only.
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import IO, Any

from . import names
from .reading import DAMAGED, HOLE, BadModel, Hole, Stream, compression_of, unpacked

FORMATS = "a .pkl or .joblib of a scikit-learn model, or an .onnx"


@dataclasses.dataclass(frozen=True)
class Scan:
    """What a file says of itself. `problem` is empty when it may be opened; else a sentence."""

    format: str  # "pickle", "joblib" or "onnx"
    compression: str = ""
    globals: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()  # not on the list: a named person must approve each
    forbidden: tuple[str, ...] = ()  # never opened
    sklearn_version: str | None = None
    numpy_major: int | None = None  # 1 or 2, from the names of numpy's modules
    estimator: str | None = None  # qualified name of the outermost object
    steps: tuple[str, ...] = ()  # class names of a pipeline's steps
    features: tuple[str, ...] = ()  # feature_names_in_, where it was fitted with names
    problem: str = ""

    def as_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


def scan(path: Path, *, allow: Collection[str] = ()) -> Scan:
    """Read the file. `allow`: qualified names that a person has approved for this very file.

    Raises BadModel when it is cut off, damaged or no model at all.
    """
    path = Path(path)
    with path.open("rb") as file:
        head = file.read(64)
    if not head:
        raise BadModel("The file is empty.")
    if _looks_like_onnx(head):
        _check_onnx(path)
        return Scan("onnx")
    if not compression_of(head) and not head.startswith(b"\x80") and not _looks_like_old_pickle(head):
        raise BadModel(f"This is not a model: it does not begin like one. What can be read: {FORMATS}.")
    with unpacked(path) as plain:
        return _scan_pickle(plain, compression_of(head), allow)


def _scan_pickle(plain: IO[bytes], compression: str, allow: Collection[str]) -> Scan:
    stream = _Inert(plain)
    try:
        root = stream.load()
    except BadModel:
        raise
    except DAMAGED as error:
        if _at_end(plain) or isinstance(error, (EOFError, MemoryError, OverflowError)):  # or a length beyond the file
            raise BadModel("The file is cut off: it ends in the middle of the model. Copy it again.") from error
        bad = [name for name in stream.found if names.is_forbidden(name)]
        also = f" It names {bad[0]}, too, which {names.is_forbidden(bad[0])}." if bad else ""
        raise BadModel(f"This is not a model, or it is damaged: it cannot be read to its end.{also}") from error
    global_names = sorted(stream.found)
    forbidden = tuple(name for name in global_names if names.is_forbidden(name))
    unknown = tuple(n for n in global_names if n not in forbidden and n not in allow and not names.is_allowed(n))
    facts = _facts(root)
    if not global_names and not isinstance(root, Thing):
        raise BadModel(
            f"This is a pickle of a plain {type(root).__name__}, not of a model. What can be read: {FORMATS}."
        )
    return Scan(
        "joblib" if stream.holes or compression else "pickle", compression, tuple(global_names), unknown, forbidden,
        numpy_major=_numpy_major(global_names), problem=_problem(forbidden, unknown), **facts,
    )  # fmt: skip


def _problem(forbidden: tuple[str, ...], unknown: tuple[str, ...]) -> str:
    if forbidden:
        name = forbidden[0]
        return (
            f"The file names {name}, which {names.is_forbidden(name)} when the file is opened. It was not opened. "
            "A trained model has no need of it: do not use this file, and ask where it came from."
        )
    if unknown:
        listed = ", ".join(unknown[:5]) + (f" and {len(unknown) - 5} more" if len(unknown) > 5 else "")
        return (
            f"The file names {listed}, which is not on the list of what a model may be made of. It was not opened. "
            "Someone who knows this code can approve it for this file by name."
        )
    return ""


# -- inert stand-ins -------------------------------------------------------------------------------------------------


class Thing:
    """Stands for whatever a global would have made. Does nothing, remembers what it was given."""

    named = ""
    given: tuple[Any, ...]  # what it was called with
    state: Any  # what BUILD would have set
    items: list[Any]  # what was appended or set

    def __new__(cls, *args: Any, **_: Any) -> Thing:
        made = object.__new__(cls)
        made.__dict__.update(given=args, state=None, items=[])
        return made

    def __init__(self, *_: Any, **__: Any) -> None: ...

    def __setstate__(self, state: Any) -> None:
        self.__dict__["state"] = state

    def __call__(self, *args: Any, **_: Any) -> Thing:
        return Thing(*args)

    def __setitem__(self, key: Any, value: Any) -> None:
        self.__dict__["items"].append((key, value))

    def append(self, item: Any) -> None:
        self.__dict__["items"].append(item)

    def extend(self, items: Any) -> None:
        self.__dict__["items"].extend(items)

    add = append


class _Inert(Stream):
    def __init__(self, source: IO[bytes]) -> None:
        super().__init__(source)
        self.found: dict[str, type] = {}
        self.holes = 0

    def find_class(self, module: str, name: str) -> Any:
        full = self.full_name(module, name)
        if full == HOLE:
            return Hole
        if full not in self.found:
            self.found[full] = type("Thing", (Thing,), {"named": full})
        return self.found[full]

    def fill(self, hole: Hole) -> Any:
        """Step over an array's bytes. Raises BadModel when they are not all there."""
        self.holes += 1
        kind, itemsize = _item(hole.dtype)
        if kind == "O":
            return self.nested()
        self.skip_padding(hole)
        if not all(isinstance(side, int) and side >= 0 for side in hole.shape):
            raise BadModel("This is not a model, or it is damaged: an array in it has no size.")
        left = math.prod(hole.shape) * itemsize
        if left > self.size - self.source.tell():
            raise EOFError
        self.source.seek(left, 1)
        return Thing()


def _item(dtype: Any) -> tuple[str, int]:
    """(kind, bytes) of a numpy dtype that was made inert."""
    if isinstance(dtype, Thing) and dtype.given and isinstance(dtype.given[0], str):
        if match := re.fullmatch(r"([a-zA-Z])(\d+)", dtype.given[0]):
            kind, size = match[1], int(match[2])
            state = dtype.state
            fields = state[4] if isinstance(state, tuple) and len(state) > 4 and isinstance(state[4], dict) else {}
            if any(_item(field[0])[0] == "O" for field in fields.values() if isinstance(field, tuple) and field):
                return "O", size
            return kind, size * 4 if kind == "U" else size
        if re.fullmatch(r"[a-zA-Z?]", dtype.given[0]):
            return dtype.given[0], {"b": 1, "?": 1, "O": 8}.get(dtype.given[0], 8)
    raise BadModel("The file holds an array of a kind that is not known here.")


# -- what it says of itself -------------------------------------------------------------------------------------------


def _facts(root: Any) -> dict[str, Any]:
    """Version, outermost object, steps and feature names, from the states that would have been set."""
    versions = [
        state["_sklearn_version"]
        for thing in _things(root)
        if isinstance(state := thing.state, dict) and isinstance(state.get("_sklearn_version"), str)
    ]
    state = root.state if isinstance(root, Thing) and isinstance(root.state, dict) else {}
    steps = state.get("steps") or []
    return {
        "sklearn_version": versions[0] if versions else None,
        "estimator": _name(root) or None,
        "steps": tuple(
            _name(step[1]).rpartition(".")[2] for step in steps if isinstance(step, tuple) and len(step) > 1
        ),
        "features": tuple(_strings(_first_value(root, "feature_names_in_"))),
    }


def _things(root: Any) -> Iterator[Thing]:
    """Everything reachable, outermost first, each once."""
    waiting, visited = [root], set()
    while waiting:
        value = waiting.pop(0) if len(waiting) < 1000 else waiting.pop()
        if id(value) in visited:
            continue
        visited.add(id(value))
        if isinstance(value, Thing):
            yield value
            waiting += [value.state, *value.given, value.items]
        elif isinstance(value, dict):
            waiting += value.values()
        elif isinstance(value, (list, tuple)) and len(value) < 100_000:
            waiting += value


def _first_value(root: Any, key: str) -> Any:
    for thing in _things(root):
        if isinstance(thing.state, dict) and key in thing.state:
            return thing.state[key]
    return None


def _strings(value: Any) -> list[str]:
    """The strings of an array of objects, however it was written."""
    waiting = [value]
    while waiting:
        thing = waiting.pop()
        if isinstance(thing, list) and thing and all(isinstance(item, str) for item in thing):
            return thing
        if isinstance(thing, Thing):
            waiting += [thing.state]
        elif isinstance(thing, tuple):
            waiting += thing
    return []


def _name(thing: Any) -> str:
    if not isinstance(thing, Thing):
        return ""
    if type(thing).named == "copyreg._reconstructor" and thing.given and isinstance(thing.given[0], type):
        return str(getattr(thing.given[0], "named", ""))
    return type(thing).named


def _numpy_major(names: Collection[str]) -> int | None:
    if any(name.startswith("numpy._core.") for name in names):
        return 2
    return 1 if any(name.startswith("numpy.core.") for name in names) else None


# -- other beginnings ----------------------------------------------------------------------------------------------


def _at_end(file: IO[bytes]) -> bool:
    return not file.read(1)


def _looks_like_old_pickle(head: bytes) -> bool:
    """Protocols 0 and 1 have no magic bytes; they begin by naming something, with a mark, or an empty container."""
    return head[:1] in (b"c", b"(", b"}", b"]", b")")


def _looks_like_onnx(head: bytes) -> bool:
    """A ModelProto begins with its ir_version: field 1, a small number, and another field after it."""
    return len(head) > 3 and head[0] == 0x08 and 1 <= head[1] <= 32 and head[2] & 7 in (0, 2)


def _check_onnx(path: Path) -> None:
    """Walk the outermost fields of the protobuf to its end; a graph (field 7) must be among them."""
    data = path.read_bytes()
    at, fields = 0, set()
    try:
        while at < len(data):
            key, at = _varint(data, at)
            fields.add(key >> 3)
            if key & 7 == 0:
                _, at = _varint(data, at)
            elif key & 7 == 2:
                size, at = _varint(data, at)
                at += size
            else:
                raise BadModel("This is not an ONNX model, or it is damaged.")
    except IndexError:
        at = len(data) + 1
    if at != len(data):
        raise BadModel("The file is cut off: it ends in the middle of the ONNX model. Copy it again.")
    if 7 not in fields:
        raise BadModel("This is not an ONNX model, or it is cut off: there is no graph in it.")


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7
        if shift > 63:
            raise IndexError
