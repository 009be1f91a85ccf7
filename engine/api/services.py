"""/api/deployments/…: what only an app has: settings, several processes, one-off commands."""

from __future__ import annotations

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.decorators import api_view
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from engine.actions.one_off import OneOff, look
from engine.actions.release_again import ReleaseAgain
from engine.actions.scale import Scale
from engine.actions.start_run import Refused
from engine.api.common import body, refusals
from engine.api.runs import offset_of
from engine.api.serializers import RunSerializer, WholeDeploymentSerializer
from engine.api.service_serializers import (
    CommandSerializer,
    CommandStateSerializer,
    ConfigSerializer,
    ScaleSerializer,
    SettingSerializer,
)
from engine.models import Deployment
from engine.runs import transitions
from engine.targets.base import State
from people.access import fetch
from people.rest import Conflict, me

ENDED = (State.SUCCEEDED, State.FAILED, State.STOPPED)


@extend_schema(methods=["GET"], responses=SettingSerializer(many=True))
@extend_schema(methods=["PATCH"], request=ConfigSerializer, responses=SettingSerializer(many=True))
@api_view(["GET", "PATCH"])
def config(request: Request, pk: int) -> Response:
    """The names of its settings; or set some (null takes one away). No answer ever has a value."""
    deployment = fetch(me(request), Deployment, "view" if request.method == "GET" else "change", pk=pk)
    if request.method == "PATCH":
        try:
            deployment.configure(body(request, ConfigSerializer)["values"], me(request))
        except ValueError as error:
            raise ValidationError({"values": [str(error)]}) from error
    return Response(SettingSerializer(deployment.config.select_related("set_by"), many=True).data)


@extend_schema(request=None, responses={201: RunSerializer})
@api_view(["POST"])
def again(request: Request, pk: int) -> Response:
    """Release what is live once more, so that changed settings take effect."""
    deployment = fetch(me(request), Deployment, "change", pk=pk)
    try:
        run = ReleaseAgain(deployment, me(request)).execute()
    except (transitions.NotPossible, Refused) as error:
        raise Conflict(str(error)) from error
    return Response(RunSerializer(run).data, status=201)


@extend_schema(request=ScaleSerializer, responses=WholeDeploymentSerializer)
@api_view(["POST"])
def scale(request: Request, pk: int) -> Response:
    """How many of each process run, from now on and in the releases to come."""
    deployment = fetch(me(request), Deployment, "change", pk=pk)
    with refusals():
        Scale(deployment, me(request), body(request, ScaleSerializer)["counts"]).execute()
    return Response(WholeDeploymentSerializer(fetch(me(request), Deployment, pk=pk)).data)


@extend_schema(request=CommandSerializer, responses={201: CommandStateSerializer})
@api_view(["POST"])
def execute(request: Request, pk: int) -> Response:
    """Run a command once in the live release, with its settings."""
    deployment = fetch(me(request), Deployment, "change", pk=pk)
    with refusals():
        job = OneOff(deployment, me(request), body(request, CommandSerializer)["command"]).execute()
        state = _state(deployment, job, 0)
    return Response(state, status=201)


@extend_schema(responses=CommandStateSerializer, parameters=[OpenApiParameter("offset", int)])
@api_view(["GET"])
def executed(request: Request, pk: int, job: str) -> Response:
    """How such a command goes, and what it printed from an offset on."""
    deployment = fetch(me(request), Deployment, "change", pk=pk)
    with refusals():
        return Response(_state(deployment, job, offset_of(request)))


def _state(deployment: Deployment, job: str, offset: int) -> dict[str, object]:
    output = look(deployment, job, offset)
    if output is None:
        raise NotFound("There is no such command.")
    status, log = output
    return {
        "job": job, "state": status.state.value, "ended": status.state in ENDED, "exit_code": status.exit_code,
        "reason": status.reason, "text": log.text, "offset": log.offset,
    }  # fmt: skip
