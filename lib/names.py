"""Names in any script: the key a name is known by, and the ASCII form of a key for files, processes and clusters.

Three forms of one name. What a person wrote is shown as it was written. `key` makes the form that addresses and unique
columns hold. `safe` makes the form that file systems, supervisord and Kubernetes take.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata

LONGEST_LABEL = 63  # of a Kubernetes name and a DNS label
_SAFE = re.compile(r"[a-z0-9-]+")
_JOINED = re.compile(r"[-\s]+")
_DIGITS = 10  # hexadecimal, of the sha256: a thousand names collide once in two million times
# Selectors of a glyph's look are marks by category, and say nothing: Unicode's NFKC_Casefold drops them too.
# So does it with letters that take room and show nothing, which would let two names look the same.
_LOOKS = frozenset(
    [
        *map(chr, range(0xFE00, 0xFE10)), *map(chr, range(0xE0100, 0xE01F0)),
        *"\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u3164\uffa0",
    ]
)  # fmt: skip


def normal(text: str) -> str:
    """The text in one normal form (NFKC): how it was typed, composed or wide, makes no difference."""
    return unicodedata.normalize("NFKC", text)


def key(text: str, longest: int) -> str:
    """The key of a name: small letters, digits and marks of any script, joined by single dashes.

    "" when the text has no letter or digit. Of ASCII text the key is what Django's `slugify` makes, because existing
    keys were made by it: punctuation is dropped, not replaced. The key of a key is itself. A letter that does not fit
    with all its marks is left out whole.
    """
    joined = _JOINED.sub("-", "".join(_kept(_folded(text)))).strip("-_")
    return _cut(joined, longest).rstrip("-_")


def is_key(text: str, longest: int) -> bool:
    """Whether a text can be looked up as a key: its characters are those of keys, and it is not too long."""
    return (
        0 < len(text) <= longest
        and not _is_mark(text[0])
        and all(char in "-_" or _counts(char) for char in text)
        and text == normal(text)
    )


def safe(text: str, longest: int = LONGEST_LABEL) -> str:
    """An ASCII form of a key: [a-z0-9-], at most `longest` (16 or more).

    A plain ASCII key that fits is itself. Any other keeps its ASCII part and gets ten digits of its sha256, so that
    two keys differ here too. That form begins with a letter, because Kubernetes services and leaf ids do.
    """
    if len(text) <= longest and _SAFE.fullmatch(text):
        return text
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGITS]
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    head = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[: longest - _DIGITS - 3].strip("-")
    if not head:
        return f"n{digest}"
    return f"{head}-{digest}" if head[0].isalpha() else f"n-{head}-{digest}"


def _folded(text: str) -> str:
    """The text in small letters and one normal form, repeated because one can undo the other."""
    for _ in range(4):
        folded = normal(normal(text).lower())
        if folded == text:
            break
        text = folded
    return text


def _kept(text: str) -> list[str]:
    """The characters of a key, a dash for each that separates; without ASCII punctuation and format controls."""
    letters: list[str] = []
    for char in text:
        if _is_mark(char):
            if letters and letters[-1] not in "-_ " and char not in _LOOKS:  # a mark on nothing names nothing
                letters.append(char)
        elif _counts(char) or char in "-_":
            letters.append(char)
        elif char.isspace() or not (char.isascii() or unicodedata.category(char) == "Cf"):
            letters.append("-")
    return letters


def _counts(char: str) -> bool:
    return unicodedata.category(char)[0] in "LMN" and char not in _LOOKS


def _is_mark(char: str) -> bool:
    return unicodedata.category(char)[0] == "M"


def _cut(text: str, longest: int) -> str:
    end = min(longest, len(text))
    while 0 < end < len(text) and _is_mark(text[end]):
        end -= 1
    return text[:end]
