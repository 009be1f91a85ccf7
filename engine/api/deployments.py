"""/api/deployments/: what is live, its logs, the way back, taking it away and bringing it back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.decorators import api_view
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from engine.actions.confirm_criterion import ConfirmCriterion
from engine.actions.remove import Remove, Restore
from engine.actions.roll_back import RollBack
from engine.actions.start_run import Name
from engine.api.common import body, refusals, team_of
from engine.api.runs import offset_of
from engine.api.serializers import (
    AnswerSerializer,
    CriterionSerializer,
    DeploymentSerializer,
    LogSerializer,
    WholeDeploymentSerializer,
)
from engine.api.service_serializers import NamedSerializer
from engine.models import Deployment
from lib import names
from people.access import fetch, may, visible
from people.rest import me

_FILTERS = [OpenApiParameter(name, str) for name in ("name", "team", "target")]


@extend_schema(
    methods=["GET"],
    responses=DeploymentSerializer(many=True),
    parameters=[*_FILTERS, OpenApiParameter("removed", bool)],
)
@extend_schema(methods=["POST"], request=NamedSerializer, responses={201: DeploymentSerializer})
@api_view(["GET", "POST"])
def deployments(request: Request) -> Response:
    """What is live and may be seen by you, by name; with `removed`, also what can still be restored. Or make a name."""
    if request.method == "POST":
        return _make(request)
    rows = visible(me(request), Deployment).select_related("team", "target")
    if request.query_params.get("removed") not in ("1", "true"):
        rows = rows.filter(removed_at=None)
    for name, field in (("name", "name"), ("team", "team__slug"), ("target", "target__name")):
        if value := request.query_params.get(name):
            rows = rows.filter(**{field: names.normal(value)})
    return Response(DeploymentSerializer(rows, many=True).data)


def _make(request: Request) -> Response:
    """A name with nothing behind it yet, so that it can have settings before its first release."""
    sent = body(request, NamedSerializer)
    team = team_of(me(request), sent.get("team"))
    may(me(request), "start_in", team)
    with refusals():
        made = Name(team, me(request), sent["name"]).execute()
    return Response(DeploymentSerializer(made).data, status=201)


@extend_schema(methods=["GET"], responses=WholeDeploymentSerializer)
@extend_schema(methods=["DELETE"], responses={200: DeploymentSerializer})
@api_view(["GET", "DELETE"])
def deployment(request: Request, pk: int) -> Response:
    """One of them; or take it away (it can be restored for seven days)."""
    if request.method == "GET":
        return Response(WholeDeploymentSerializer(fetch(me(request), Deployment, pk=pk)).data)
    return _act(request, pk, lambda deployment: Remove(deployment, me(request)).execute())


@extend_schema(request=None, responses=DeploymentSerializer)
@api_view(["POST"])
def restore(request: Request, pk: int) -> Response:
    return _act(request, pk, lambda deployment: Restore(deployment, me(request)).execute())


@extend_schema(request=None, responses=DeploymentSerializer)
@api_view(["POST"])
def rollback(request: Request, pk: int) -> Response:
    """Send all requests to the release before."""
    return _act(request, pk, lambda deployment: RollBack(deployment, me(request)).execute())


def _act(request: Request, pk: int, verb: Callable[[Deployment], Any]) -> Response:
    deployment = fetch(me(request), Deployment, "change", pk=pk)
    with refusals():
        verb(deployment)
    return Response(DeploymentSerializer(deployment).data)


@extend_schema(request=AnswerSerializer, responses=CriterionSerializer)
@api_view(["POST"])
def confirm(request: Request, pk: int, criterion: str) -> Response:
    """Say that a criterion judged by hand is met by the live release."""
    deployment = fetch(me(request), Deployment, "change", pk=pk)
    comment = body(request, AnswerSerializer)["comment"]
    try:
        result = ConfirmCriterion(deployment, criterion, me(request), comment).execute()
    except ValueError as error:
        raise ValidationError({"criterion": [str(error)]}) from error
    return Response(CriterionSerializer(result).data)


@extend_schema(
    responses=LogSerializer,
    parameters=[OpenApiParameter("offset", int), OpenApiParameter("release", int), OpenApiParameter("process", str)],
)
@api_view(["GET"])
def logs(request: Request, pk: int) -> Response:
    """What a process of the live release (or the one asked for) printed; without a name, its first."""
    deployment = fetch(me(request), Deployment, pk=pk)
    releases, number = deployment.releases, request.query_params.get("release", "")
    asked_for = number.isdigit() and len(number) < 10
    wanted = releases.filter(number=int(number)).first() if asked_for else deployment.live
    release = wanted or releases.order_by("-number").first()
    if release is None:
        raise NotFound(f"{deployment.name} has no release yet.")
    workload = release.workload_of(request.query_params.get("process", ""))
    if workload is None:
        raise NotFound(
            f"{release} has no such process; it has {', '.join(release.processes) or 'one, without a name'}."
        )
    log = deployment.target.connect().logs(workload, offset=offset_of(request))
    return Response({"text": log.text, "offset": log.offset})
