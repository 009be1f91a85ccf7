"""Which names a model file may use: exact ones, never whole modules (a file that only named numpy overwrote another
through `numpy.memmap`). Standard library only."""

from __future__ import annotations

import functools
import re
from pathlib import Path

LIST = Path(__file__).with_name("globals.txt")

# What is never opened, whoever approves it, and what it does. The first that matches says it.
FORBIDDEN = (
    (r"(os|posix|nt)\.(system|popen.*|exec.*|spawn.*|posix_spawn.*|startfile)", "runs a command"),
    (r"(subprocess|pty|commands|popen2|pexpect)\..*", "runs a command"),
    (r"asyncio\..*subprocess.*", "runs a command"),
    (r"builtins\.(eval|exec|compile|execfile)", "runs code"),
    (r"(runpy|code|codeop|timeit|cProfile|profile|pdb|bdb|doctest|trace)\..*", "runs code"),
    (r"(types|_types)\.(FunctionType|CodeType|LambdaType)", "runs code"),
    (r"(cloudpickle|dill|marshal|pickle|_pickle|joblib\.(numpy_pickle\.load|load)|shelve)\.?.*", "opens further code"),
    (r"builtins\.(__import__|getattr|setattr|delattr|globals|locals|vars|type|super|breakpoint|input)", "reaches code"),
    (r"(importlib|imp|pkgutil|zipimport|pydoc|_frozen_importlib.*)\..*", "imports code"),
    (r"operator\.(attrgetter|methodcaller|itemgetter)|functools\.(reduce|partialmethod)", "reaches code"),
    (r"(ctypes|_ctypes|cffi|mmap|gc|sys|inspect|site|atexit|signal|threading|_thread|multiprocessing)\..*",
     "reaches into the running program"),
    (r"(socket|_socket|ssl|urllib.*|http.*|requests|httpx|ftplib|smtplib|telnetlib|xmlrpc.*|webbrowser)\..*",
     "opens a connection"),
    (r"(builtins|io|_io|codecs|tokenize|gzip|bz2|lzma)\.open.*|io\..*", "opens files"),
    (r"(os|posix|nt|shutil|pathlib.*|tempfile|glob|fileinput|zipfile|tarfile|sqlite3)\..*", "works on files"),
    (r"numpy\.(memmap|load|save.*|fromfile|loadtxt|genfromtxt|lib\..*|f2py.*|testing.*|distutils.*)", "works on files"),
    (r"numpy\..*\.(memmap|fromfile|tofile|open_memmap|runstring|load_library)", "works on files"),
    (r"pandas\.(read_.*|io\..*|eval|core\.computation\..*|compat.*)", "works on files"),
    (r"(logging|logging\..*)\.(FileHandler|.*Config|config\..*)", "works on files"),
)  # fmt: skip
_FORBIDDEN = tuple((re.compile(pattern), what) for pattern, what in FORBIDDEN)


@functools.cache
def allowed() -> frozenset[str]:
    lines = LIST.read_text(encoding="utf-8").splitlines()
    return frozenset(line for line in lines if line and not line.startswith("#"))


def is_allowed(name: str) -> bool:
    """Whether this exact name may be opened without a person's approval."""
    return name in allowed()


def is_forbidden(name: str) -> str:
    """What the name does that no model needs ("runs a command"); "" for one that is merely unknown or allowed."""
    if is_allowed(name):
        return ""
    return next((what for pattern, what in _FORBIDDEN if pattern.fullmatch(name)), "")
