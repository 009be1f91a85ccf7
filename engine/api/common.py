"""What the views share: the checked body of a request, the team it names, and errors in the standard form."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rest_framework import serializers
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request

from engine.actions.start_run import Refused
from engine.artefacts.store import ArtefactError
from engine.outcomes import PermanentFailure
from engine.runs.transitions import NotPossible
from engine.targets.base import TargetError
from lib import names
from people.models import Team, User
from people.rest import Conflict


def body(request: Request, shape: type[serializers.Serializer[Any]]) -> dict[str, Any]:
    """The body, checked. Raises the standard 400."""
    filled = shape(data=request.data)
    filled.is_valid(raise_exception=True)
    return dict(filled.validated_data)


def team_of(user: User, slug: str | None) -> Team:
    """The team named, or the only one this person is on."""
    teams = Team.objects.visible_to(user)
    if slug:
        team = teams.filter(slug=names.normal(slug)).first()
        if team is None:
            raise NotFound(f"There is no team {slug} that you are on.")
        return team
    mine = list(teams[:2])
    if len(mine) != 1:
        slugs = ", ".join(teams.values_list("slug", flat=True))
        message = (
            f"You are on several teams ({slugs}); say which." if mine else "You are on no team; ask to be invited."
        )
        raise ValidationError({"team": [message]})
    return mine[0]


@contextmanager
def refusals() -> Iterator[None]:
    """Raise the standard 400 for a refused input, and 409 for what is not possible now."""
    try:
        yield
    except Refused as refused:
        raise ValidationError({name: [why] for name, why in refused.problems.items()}) from refused
    except (NotPossible, TargetError, PermanentFailure, ArtefactError) as error:
        raise Conflict(str(error)) from error


def after_of(request: Request) -> int:
    """The id of the event after which to read on."""
    after = request.query_params.get("after", "0")
    if not after.isdecimal() or len(after) > 18:
        raise ValidationError({"after": ["This is an event's id, a whole number."]})
    return int(after)
