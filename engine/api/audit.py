"""/api/audit/: who did what when, on the teams you are on. Append-only; what programs printed is left out."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Any

from django.http import HttpResponseBase, StreamingHttpResponse
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import api_view
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from engine.api.common import after_of, team_of
from engine.models import Event
from engine.models.event import EventQuerySet
from lib import spreadsheet
from people.access import visible
from people.rest import me

AT_ONCE = 500
FIELDS = ["id", "at", "who", "team", "kind", "text", "run", "step", "deployment"]


class AuditSerializer(serializers.ModelSerializer[Event]):
    who = serializers.SlugRelatedField[Any](source="actor", slug_field="username", read_only=True, allow_null=True)
    team = serializers.SlugRelatedField[Any](slug_field="slug", read_only=True)
    step = serializers.CharField(source="step.leaf", default="", read_only=True)
    deployment = serializers.SlugRelatedField[Any](slug_field="name", read_only=True, allow_null=True)

    class Meta:
        model = Event
        fields = FIELDS


@extend_schema(
    responses=AuditSerializer(many=True),
    parameters=[
        OpenApiParameter("after", int, description="events after this id"),
        OpenApiParameter("team", str, description="of this team alone"),
        OpenApiParameter("as", str, enum=["json", "csv"], description="csv: all of them, as a file"),
    ],
)
@api_view(["GET"])
def audit(request: Request) -> HttpResponseBase:
    """The events in order, oldest first: 500 at a time as JSON, all of them as CSV.

    Ask again with the last id to miss none. On PostgreSQL events of the last three seconds come in a later answer.
    """
    rows = _rows(request)
    kind = request.query_params.get("as", "json")
    if kind == "json":
        return Response(AuditSerializer(rows[:AT_ONCE], many=True).data)
    if kind != "csv":
        raise ValidationError({"as": [f"“{kind[:40]}” is not json or csv."]})
    answer = StreamingHttpResponse(_lines(rows), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = 'attachment; filename="audit.csv"'
    return answer


def _rows(request: Request) -> EventQuerySet:
    rows: Any = visible(me(request), Event)
    if slug := request.query_params.get("team"):
        rows = rows.filter(team=team_of(me(request), slug))
    events: EventQuerySet = (
        rows.audited().settled().after(after_of(request)).select_related("actor", "team", "step", "deployment")
    )
    return events


def _lines(rows: EventQuerySet) -> Iterator[str]:
    entries = (AuditSerializer(row).data for row in rows.iterator(AT_ONCE))
    return spreadsheet.lines(chain([FIELDS], ([entry[name] for name in FIELDS] for entry in entries)))
