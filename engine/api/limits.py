"""/api/limits/: how many steps may be at work at once."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.decorators import api_view
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from engine.api.common import body, team_of
from engine.api.serializers import LimitSerializer, LimitSetSerializer
from engine.models import Limit, Target, Template
from people.access import fetch, may, visible
from people.models import Team, User
from people.rest import me


@extend_schema(methods=["GET"], responses=LimitSerializer(many=True))
@extend_schema(methods=["PUT"], request=LimitSetSerializer, responses=LimitSerializer)
@api_view(["GET", "PUT"])
def limits(request: Request) -> Response:
    """The limits that apply to your teams' runs; or set one, in place of an earlier one."""
    if request.method == "GET":
        return Response(LimitSerializer(visible(me(request), Limit), many=True).data)
    sent = body(request, LimitSetSerializer)
    of = _scope(me(request), sent)
    limit, _ = Limit.objects.update_or_create(**of, defaults={"at_most": sent["at_most"]})
    return Response(LimitSerializer(limit).data)


def _scope(user: User, sent: dict[str, Any]) -> dict[str, Any]:
    """What is limited, which this person may limit. Raises the standard 400, 403 and 404."""
    named = [name for name in ("target", "template", "team") if name in sent]
    if "template" in named:
        template = fetch(user, Template, name=sent["template"])
        may(user, "limit", template)
        return {"template": template}
    if not named:
        raise ValidationError({"team": ["Name a team, a template or a target."]})
    team: Team = team_of(user, sent.get("team"))
    may(user, "start_in", team)
    return {"target": fetch(user, Target, name=sent["target"], team=team)} if "target" in named else {"team": team}


@extend_schema(responses={204: None})
@api_view(["DELETE"])
def limit(request: Request, pk: int) -> Response:
    """Remove it; queued steps start."""
    limit = fetch(me(request), Limit, pk=pk)
    if limit.template:
        may(me(request), "limit", limit.template)
    else:
        may(me(request), "start_in", limit.team or limit.target.team)  # type: ignore[union-attr]
    limit.delete()
    return Response(status=204)
