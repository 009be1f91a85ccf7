"""Names of addresses: words with dashes, and an address of each page that stands in one place."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver

THEIRS = ("account_", "socialaccount_")  # allauth's own


def names(patterns: list[Any]) -> Iterator[str]:
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            yield from names(pattern.url_patterns)
        elif isinstance(pattern, URLPattern) and pattern.name:
            yield pattern.name


def test_names_of_addresses_are_words_with_dashes() -> None:
    ours = [name for name in names(get_resolver().url_patterns) if not name.startswith(THEIRS)]
    assert [name for name in ours if "_" in name] == []
