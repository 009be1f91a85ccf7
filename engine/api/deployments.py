"""/api/deployments/: what is live, its logs, the way back, taking it away and bringing it back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.decorators import api_view
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from engine import advance, done
from engine.actions.remove import Remove, Restore
from engine.actions.roll_back import RollBack
from engine.api.common import body
from engine.api.runs import offset_of
from engine.api.shapes import AnswerShape, CriterionShape, DeploymentShape, LogShape, WholeDeploymentShape
from engine.models import Deployment
from engine.targets.base import TargetError
from people.access import fetch, visible
from people.rest import Conflict, me

_FILTERS = [OpenApiParameter(name, str) for name in ("name", "team", "target")]


@extend_schema(responses=DeploymentShape(many=True), parameters=[*_FILTERS, OpenApiParameter("removed", bool)])
@api_view(["GET"])
def deployments(request: Request) -> Response:
    """What is live and may be seen by you, by name; with `removed`, also what can still be restored."""
    rows = visible(me(request), Deployment).select_related("team", "target")
    if request.query_params.get("removed") not in ("1", "true"):
        rows = rows.filter(removed_at=None)
    for name, field in (("name", "name"), ("team", "team__slug"), ("target", "target__name")):
        if value := request.query_params.get(name):
            rows = rows.filter(**{field: value})
    return Response(DeploymentShape(rows, many=True).data)


@extend_schema(methods=["GET"], responses=WholeDeploymentShape)
@extend_schema(methods=["DELETE"], responses={200: DeploymentShape})
@api_view(["GET", "DELETE"])
def deployment(request: Request, pk: int) -> Response:
    """One of them; or take it away (it can be restored for seven days)."""
    if request.method == "GET":
        return Response(WholeDeploymentShape(fetch(me(request), Deployment, pk=pk)).data)
    return _act(request, pk, lambda found: Remove(found, me(request)).execute())


@extend_schema(request=None, responses=DeploymentShape)
@api_view(["POST"])
def restore(request: Request, pk: int) -> Response:
    return _act(request, pk, lambda found: Restore(found, me(request)).execute())


@extend_schema(request=None, responses=DeploymentShape)
@api_view(["POST"])
def rollback(request: Request, pk: int) -> Response:
    """Send all requests to the release before."""
    return _act(request, pk, lambda found: RollBack(found, me(request)).execute())


def _act(request: Request, pk: int, verb: Callable[[Deployment], Any]) -> Response:
    found = fetch(me(request), Deployment, "change", pk=pk)
    try:
        verb(found)
    except (advance.NotNow, TargetError) as error:
        raise Conflict(str(error)) from error
    return Response(DeploymentShape(found).data)


@extend_schema(request=AnswerShape, responses=CriterionShape)
@api_view(["POST"])
def confirm(request: Request, pk: int, criterion: str) -> Response:
    """Say that a criterion judged by hand is met by the live release."""
    found = fetch(me(request), Deployment, "change", pk=pk)
    try:
        result = done.confirm(found, criterion, me(request), body(request, AnswerShape)["comment"])
    except ValueError as error:
        raise ValidationError({"criterion": [str(error)]}) from error
    return Response(CriterionShape(result).data)


@extend_schema(responses=LogShape, parameters=[OpenApiParameter("offset", int), OpenApiParameter("release", int)])
@api_view(["GET"])
def logs(request: Request, pk: int) -> Response:
    """What the live release (or the one asked for) printed."""
    found = fetch(me(request), Deployment, pk=pk)
    number = request.query_params.get("release", "")
    wanted = found.releases.filter(number=int(number)).first() if number.isdigit() and len(number) < 10 else found.live
    release = wanted or found.releases.order_by("-number").first()
    if release is None:
        raise NotFound(f"{found.name} has no release yet.")
    log = found.target.connect().logs(release.workload, offset=offset_of(request))
    return Response({"text": log.text, "offset": log.offset})
