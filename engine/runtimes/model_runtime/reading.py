"""Reads the two formats that are called “pickle”, without deciding what may be made of them.

`pickle.dump` writes a pickle. `joblib.dump` writes one with the bytes of its arrays lying raw between the opcodes, and
may compress the whole. Both are read here opcode by opcode; subclasses say what a global name stands for and what
becomes of an array. Standard library only.
"""

from __future__ import annotations

import _compat_pickle
import bz2
import contextlib
import gzip
import lzma
import os
import pickle
import struct
import tempfile
import types
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

UNPACKED_LIMIT = 8 << 30  # bytes a compressed model may unpack to
CHUNK = 1 << 20


class BadModel(Exception):
    """The file cannot be used as a model. The message is a sentence for the person who brought it."""


class Hole:
    """Stands for joblib's NumpyArrayWrapper: here an array's bytes follow in the file."""

    shape: tuple[int, ...] = ()
    order: str = "C"
    dtype: Any = None
    numpy_array_alignment_bytes: int | None = None


# Compiled modules of scikit-learn 1.4 to 1.7 name themselves without their package.
ALIASES = {"_loss": "sklearn._loss._loss"}
HOLE = "joblib.numpy_pickle.NumpyArrayWrapper"


def compression_of(head: bytes) -> str:
    """By the file's first bytes: "zlib", "gzip", "bz2", "lzma", "lz4" or ""."""
    if head.startswith(b"\x1f\x8b"):
        return "gzip"
    if head.startswith(b"BZh"):
        return "bz2"
    if head.startswith((b"\xfd7zXZ", b"\x5d\x00\x00")):
        return "lzma"
    if head.startswith(b"\x04\x22\x4d\x18"):
        return "lz4"
    if len(head) > 1 and head[0] == 0x78 and (head[0] << 8 | head[1]) % 31 == 0:
        return "zlib"
    return ""


@contextlib.contextmanager
def unpacked(path: Path) -> Iterator[IO[bytes]]:
    """The file's bytes, unpacked where it is compressed. Raises BadModel when they end too early."""
    with path.open("rb") as file:
        compression = compression_of(file.read(8))
        file.seek(0)
        if not compression:
            yield file
            return
        if compression == "lz4":
            raise BadModel("The file is compressed with lz4, which is not read here. Save it with compress=3 instead.")
        with tempfile.TemporaryFile() as plain:
            try:
                _unpack(file, compression, plain)
            except (EOFError, zlib.error, lzma.LZMAError, OSError, ValueError) as error:
                raise BadModel(f"The file is cut off or damaged: its {compression} data cannot be unpacked.") from error
            plain.seek(0)
            yield plain


def _unpack(file: IO[bytes], compression: str, plain: IO[bytes]) -> None:
    size = 0
    for data in _zlib(file) if compression == "zlib" else _opened(file, compression):
        size += len(data)
        if size > UNPACKED_LIMIT:
            raise BadModel("The file unpacks to more than 8 GB, which is not a model for this machine.")
        plain.write(data)


def _opened(file: IO[bytes], compression: str) -> Iterator[bytes]:
    openers: dict[str, Callable[..., Any]] = {"gzip": gzip.open, "bz2": bz2.open, "lzma": lzma.open}
    with openers[compression](file, "rb") as stream:
        while data := stream.read(CHUNK):
            yield data


def _zlib(file: IO[bytes]) -> Iterator[bytes]:
    unpacker = zlib.decompressobj()
    while data := file.read(CHUNK):
        while data:
            yield unpacker.decompress(data, CHUNK)
            data = unpacker.unconsumed_tail
    yield unpacker.flush()
    if not unpacker.eof:
        raise EOFError


_Machine: Any = vars(pickle)["_Unpickler"]  # Python's own, in Python: its opcodes can be taken over one by one


class Stream(_Machine):  # type: ignore[misc]
    """A pickle, with or without joblib's arrays in it. `find_class` and `fill` are the subclass's."""

    dispatch = dict(_Machine.dispatch)

    def __init__(self, source: IO[bytes]) -> None:
        super().__init__(source)
        self.source = source
        at = source.tell()
        self.size = source.seek(0, os.SEEK_END)
        source.seek(at)

    def find_class(self, module: str, name: str) -> Any:
        raise NotImplementedError

    def full_name(self, module: str, name: str) -> str:
        """The name as Python 3 has it: protocols below 3 may use those of Python 2."""
        if self.proto < 3:
            if (module, name) in _compat_pickle.NAME_MAPPING:
                module, name = _compat_pickle.NAME_MAPPING[(module, name)]
            elif module in _compat_pickle.IMPORT_MAPPING:
                module = _compat_pickle.IMPORT_MAPPING[module]
        return f"{ALIASES.get(module, module)}.{name}"

    def fill(self, hole: Hole) -> Any:
        """The array whose bytes begin at the file's position."""
        raise NotImplementedError

    def persistent_load(self, pid: Any) -> Any:
        raise BadModel("The file refers to objects outside itself, so it is not a model that can be served.")

    def nested(self) -> Any:
        """An array of objects is a pickle of its own inside the file: read it under the same rules."""
        inner = type(self).__new__(type(self))
        inner.__dict__.update({key: value for key, value in self.__dict__.items() if key not in _OWN})
        Stream.__init__(inner, self.source)
        return inner.load()

    def skip_padding(self, hole: Hole) -> None:
        """joblib aligns an array's bytes: one byte says how many follow."""
        if hole.numpy_array_alignment_bytes is not None:
            padding = self.source.read(1)
            if not padding:
                raise EOFError
            self.source.read(padding[0])

    def load_build(self) -> None:
        if isinstance(self.stack[-2], (type, types.FunctionType, types.BuiltinFunctionType)):
            raise BadModel("The file changes a class or a function while it is opened. A trained model never does.")
        super().load_build()
        if isinstance(self.stack[-1], Hole):
            self.stack.append(self.fill(self.stack.pop()))

    dispatch[pickle.BUILD[0]] = load_build

    def load_bytearray8(self) -> None:
        """As Python's own, but a length beyond the file is an error before memory is taken for it."""
        (length,) = struct.unpack("<Q", self.read(8))
        if length > self.size:
            raise EOFError
        self.append(bytearray(self.read(length)))

    dispatch[pickle.BYTEARRAY8[0]] = load_bytearray8


_OWN = {"_file_readline", "_file_read", "memo", "source", "size", "stack", "metastack", "_unframer", "read", "readinto",
        "readline", "append"}  # fmt: skip

# What a damaged pickle raises in Python's own machine.
DAMAGED = (EOFError, pickle.UnpicklingError, ValueError, IndexError, KeyError, AttributeError, TypeError, struct.error,
           MemoryError, OverflowError, AssertionError, RecursionError)  # fmt: skip
