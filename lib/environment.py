"""Environment variables, read in one place: each as a typed value, and a sentence where it cannot be read so."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Variable:
    """One variable: what it means, what its absence means, and how its text becomes a value."""

    name: str
    means: str
    default: Any = ""
    read: Callable[[str], Any] = str  # raises ValueError with what the text has to be
    example: str = ""
    secret: bool = False
    shared: bool = False  # others read it too: a wrong value is warned of and stops nothing
    absent: str = ""  # the default in words, where the value itself says little

    def value(self, environ: Mapping[str, str] | None = None) -> Any:
        """The value; the default where the variable is absent, empty, or cannot be read."""
        text = (os.environ if environ is None else environ).get(self.name, "").strip()
        if not text:
            return self.default
        try:
            return self.read(text)
        except ValueError:
            return self.default

    def problem(self, environ: Mapping[str, str] | None = None) -> str:
        """Why the variable cannot be read; "" when it can."""
        text = (os.environ if environ is None else environ).get(self.name, "").strip()
        try:
            if text:
                self.read(text)
        except ValueError as error:
            problem = "has a value that cannot be read" if self.secret else f"is “{text[:60]}”"
            return f"{self.name} {problem}: it has to be {error}"
        return ""

    @property
    def remedy(self) -> str:
        return f"Set {self.name}={self.example or self.default}, or leave it out."


def get(name: str, default: str = "") -> str:
    """The text of a variable that is not Desirepath's own (PATH, XDG_RUNTIME_DIR)."""
    return os.environ.get(name) or default


def passed_on(pattern: re.Pattern[str]) -> dict[str, str]:
    """The variables whose names match, for a program that is started with these alone."""
    return {name: value for name, value in os.environ.items() if pattern.fullmatch(name)}


def everything(**more: str) -> dict[str, str]:
    """All variables, with some set anew, for a process of our own."""
    return {**os.environ, **more}


# --- how texts are read ----------------------------------------------------------------------------------------------


def flag(text: str) -> bool:
    if text not in ("0", "1"):
        raise ValueError("1 for yes or 0 for no")
    return text == "1"


def whole(least: int, most: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not text.isascii() or not text.isdigit() or not least <= int(text) <= most:
            raise ValueError(f"a whole number from {least} to {most}")
        return int(text)

    return read


def words(separator: str | None) -> Callable[[str], list[str]]:
    """A list; without a separator its parts are separated by spaces."""
    return lambda text: [part.strip() for part in text.split(separator) if part.strip()]


def one_of(*options: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in options:
            raise ValueError(" or ".join(options))
        return text

    return read


def each(read: Callable[[str], Any], separator: str | None) -> Callable[[str], list[Any]]:
    """A list, each part of it read by itself."""
    return lambda text: [read(part) for part in words(separator)(text)]


def host(text: str) -> str:
    if "/" in text:
        raise ValueError("names of hosts, without https:// before them")
    return text


def address(schemes: Iterable[str], *, path: str = "") -> Callable[[str], str]:
    """An address of one of these schemes; `path` says what it has to name, where it has to name something."""
    known = tuple(schemes)

    def read(text: str) -> str:
        if not text.startswith(tuple(f"{scheme}://" for scheme in known)):
            raise ValueError("an address that begins with " + " or ".join(f"{scheme}://" for scheme in known))
        try:
            parts = urlsplit(text)
            _ = parts.port
        except ValueError:  # its own sentence would show a password
            raise ValueError("an address that can be read: scheme://user:password@host:port/name") from None
        if path and not parts.path.strip("/") and "service=" not in parts.query:
            raise ValueError(f"an address that ends in /{path}")
        return text

    return read
