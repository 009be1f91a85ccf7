"""/api/schedules/: what runs by the clock."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.decorators import api_view
from rest_framework.request import Request
from rest_framework.response import Response

from engine.actions.start_run import StartRun
from engine.api.common import refusals, team_of
from engine.api.serializers import ScheduleSerializer
from engine.models import Schedule
from people.access import fetch, may, visible
from people.models import Team, User
from people.rest import KeySerializer, me


class _NewSchedule(ScheduleSerializer):
    team = KeySerializer(required=False)  # type: ignore[assignment]


@extend_schema(methods=["GET"], responses=ScheduleSerializer(many=True))
@extend_schema(methods=["POST"], request=_NewSchedule, responses={201: ScheduleSerializer})
@api_view(["GET", "POST"])
def schedules(request: Request) -> Response:
    """Your teams' schedules; or make one."""
    if request.method == "GET":
        rows = visible(me(request), Schedule).select_related("template", "team")
        return Response(ScheduleSerializer(rows, many=True).data)
    team = team_of(me(request), request.data.get("team") if isinstance(request.data, dict) else None)
    may(me(request), "start_in", team)
    filled = ScheduleSerializer(data=request.data)
    filled.is_valid(raise_exception=True)
    check_start(filled.validated_data, team, me(request))
    made = filled.save(team=team, made_by=me(request))
    return Response(ScheduleSerializer(made).data, status=201)


@extend_schema(methods=["GET", "PATCH"], request=ScheduleSerializer, responses=ScheduleSerializer)
@extend_schema(methods=["DELETE"], responses={204: None})
@api_view(["GET", "PATCH", "DELETE"])
def schedule(request: Request, pk: int) -> Response:
    """One of them: look, change (also `paused`), remove. Runs it has started stay."""
    if request.method == "GET":
        return Response(ScheduleSerializer(fetch(me(request), Schedule, pk=pk)).data)
    schedule = fetch(me(request), Schedule, "change", pk=pk)
    if request.method == "DELETE":
        schedule.remove()
        return Response(status=204)
    filled = ScheduleSerializer(schedule, data=request.data, partial=True)
    filled.is_valid(raise_exception=True)
    today = {"template": schedule.template, "inputs": schedule.inputs, "name": schedule.name}
    check_start({**today, **filled.validated_data}, schedule.team, me(request))
    return Response(ScheduleSerializer(filled.save()).data)


def check_start(values: dict[str, Any], team: Team, user: User) -> None:
    """Raise the standard 400 when what it would start could not be started today."""
    template = values["template"]
    revision = template.published or template.latest
    start = StartRun(revision, team, user, values.get("inputs") or {}, values.get("name", ""))
    with refusals():
        start.check()
