"""/api/runs/R/xes/ and /api/templates/T/xes/: what ran, as an event log for process mining."""

from __future__ import annotations

from django.http import StreamingHttpResponse
from django.utils.http import content_disposition_header
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import api_view
from rest_framework.request import Request

from engine.models import Run, Template
from engine.models.run import RunQuerySet
from engine.telemetry import xes
from people.access import fetch
from people.rest import me

XES = {(200, "application/xml"): OpenApiTypes.STR}


@extend_schema(responses=XES)
@api_view(["GET"])
def run_xes(request: Request, pk: int) -> StreamingHttpResponse:
    """One run as XES: a trace."""
    run = fetch(me(request), Run, pk=pk)
    return _answer(Run.objects.filter(pk=run.pk), f"run-{pk}")


@extend_schema(responses=XES)
@api_view(["GET"])
def template_xes(request: Request, name: str) -> StreamingHttpResponse:
    """Every run of a template that you may see, of all its revisions."""
    template = fetch(me(request), Template, name=name)
    return _answer(Run.objects.visible_to(me(request)).filter(revision__template=template), template.name)


def _answer(runs: RunQuerySet, name: str) -> StreamingHttpResponse:
    answer = StreamingHttpResponse(xes.log(runs), content_type="application/xml; charset=utf-8")
    answer["Content-Disposition"] = content_disposition_header(as_attachment=True, filename=f"{name}.xes")
    return answer
