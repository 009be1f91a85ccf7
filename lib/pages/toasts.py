"""Messages for the next page about what was just done, with an undo where there is one."""

from django.contrib import messages
from django.http import HttpRequest


def say(request: HttpRequest, text: str, undo: str = "") -> None:
    """Say it; `undo` is an address that takes a POST."""
    messages.success(request, text, extra_tags=f"undo:{undo}" if undo else "")


def warn(request: HttpRequest, text: str) -> None:
    messages.error(request, text)
