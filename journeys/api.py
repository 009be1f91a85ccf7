"""/api/trace/…: the thread, both ways."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import api_view
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from engine.models import Run
from journeys import trace
from people.access import fetch
from people.rest import me
from research.models import Observation


class QuoteSerializer(serializers.Serializer[Any]):
    text = serializers.CharField(allow_blank=True)
    who = serializers.CharField()
    where = serializers.CharField(allow_blank=True)
    why_not = serializers.CharField(allow_blank=True, help_text="why the words are not shown to you")


class LinkSerializer(serializers.Serializer[Any]):
    kind = serializers.CharField()
    title = serializers.CharField()
    detail = serializers.CharField(allow_blank=True)
    url = serializers.CharField(allow_blank=True)
    stale = serializers.CharField(required=False)
    people = serializers.IntegerField(required=False)
    observations = serializers.IntegerField(required=False)
    quotes = QuoteSerializer(many=True, required=False)


class ThreadSerializer(serializers.Serializer[Any]):
    title = serializers.CharField()
    links = LinkSerializer(many=True)
    gap = serializers.CharField(allow_blank=True, help_text="why it ends before it reaches evidence")


@extend_schema(responses=ThreadSerializer(many=True), parameters=[OpenApiParameter("step", str)])
@api_view(["GET"])
def trace_run(request: Request, pk: int) -> Response:
    """From the steps of a run (or one of them) back to quotes."""
    run = fetch(me(request), Run, pk=pk)
    leaf = request.query_params.get("step")
    if leaf is None:
        return Response([thread.as_dict() for thread in trace.why_run(run, me(request))])
    step = run.steps.filter(leaf=leaf).select_related("run__revision").last()
    if step is None:
        names = ", ".join(leaf.id for leaf in run.flow.leaves())
        raise NotFound(f"Run {pk} has no step {leaf} that has begun; its steps are {names}.")
    return Response([trace.why_run_step(step, me(request)).as_dict()])


@extend_schema(responses=ThreadSerializer)
@api_view(["GET"])
def trace_observation(request: Request, pk: UUID) -> Response:
    """From an observation up to the runs that rest on it."""
    observation = fetch(me(request), Observation, pk=pk)
    return Response(trace.what_came_of(observation, me(request)).as_dict())
