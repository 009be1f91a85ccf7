"""What a page says when the engine refuses a verb."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.http import HttpRequest

from engine.artefacts.store import ArtefactError
from engine.outcomes import PermanentFailure
from engine.runs.transitions import NotPossible
from engine.targets.base import TargetError
from lib.pages.toasts import warn


def sentence(error: Exception) -> str:
    """The message of an error as a sentence."""
    return f"{str(error)[:1].upper()}{str(error)[1:].rstrip('.')}."


@contextmanager
def warned(request: HttpRequest) -> Iterator[None]:
    """Leaves the block with a warning when its verb is refused."""
    try:
        yield
    except (NotPossible, TargetError, PermanentFailure, ArtefactError) as error:
        warn(request, sentence(error))
