"""Text as the tokens that a search index holds, the same for each database and script.

Both databases get plain tokens divided by blanks, because their own parsers differ and neither divides Chinese or Thai.
"""

from __future__ import annotations

import re
import unicodedata

LONGEST = 40  # characters of a token
MOST_WORDS = 8  # of a query
# Marks that people leave out when they search: accents, Hebrew points, Arabic vowels and the stretching sign.
_SPOKEN = re.compile("[\u0300-\u036f\u0591-\u05bd\u05bf-\u05c7\u064b-\u065f\u0670\u0640]")
# Scripts that are written without blanks: each character is a token, and a word is a phrase of them.
_UNDIVIDED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f]"
)


def folded(text: str) -> str:
    """The text without case, accents and differences of form: “Étude” and “ETUDE” are one."""
    plain = _SPOKEN.sub("", unicodedata.normalize("NFKD", text).casefold())
    return unicodedata.normalize("NFC", plain)


def tokens(text: str) -> list[str]:
    """The tokens of a text, in order: its words, and each character of a script that divides none."""
    return [token for word in words(text) for token in word]


def words(text: str) -> list[list[str]]:
    """The words of a text, each as its tokens. “on-call” is one word of two tokens."""
    return [found for part in folded(text).split() if (found := _divided(part))]


def query(text: str) -> list[tuple[list[str], bool]]:
    """What is asked for: each word as a phrase, and whether its last token may go on.

    A token that ends in a digit may not: “session 7” does not mean session 70.
    """
    return [(word, not word[-1][-1].isdigit()) for word in words(text)[:MOST_WORDS]]


def _divided(part: str) -> list[str]:
    found: list[str] = []
    inside = False  # a word that the next character may belong to
    for char in part:
        category = unicodedata.category(char)[0]
        if category == "M" and found:
            found[-1] += char
        elif category not in "LN":
            inside = False
        elif _UNDIVIDED.match(char):
            found.append(char)
            inside = False
        elif inside:
            found[-1] += char
        else:
            found.append(char)
            inside = True
    return [token[:LONGEST] for token in found]
