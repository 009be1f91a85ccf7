"""Pages of long lists: by the last row that was seen, never by counting all."""

from __future__ import annotations

from django.http import HttpRequest


def number_in(request: HttpRequest, name: str) -> int:
    """A row's number in the address; 0 where there is none."""
    text = request.GET.get(name, "")
    return int(text) if text.isdecimal() and len(text) < 18 else 0
