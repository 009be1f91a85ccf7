"""/api/templates/: check, keep, show and publish workflow templates."""

from __future__ import annotations

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.decorators import api_view
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from engine.api.common import body
from engine.api.serializers import (
    CheckSerializer,
    PublishSerializer,
    RevisionSerializer,
    TemplateSerializer,
    WholeRevisionSerializer,
    YamlSerializer,
)
from engine.definition.document import TemplateError
from engine.models import Revision, Template
from engine.models.template import lookup
from engine.steps import catalogue
from engine.steps.json_schema import template_schema
from people.access import fetch, may, visible
from people.rest import me


@extend_schema(methods=["GET"], responses=TemplateSerializer(many=True))
@extend_schema(methods=["POST"], request=YamlSerializer, responses={201: RevisionSerializer})
@api_view(["GET", "POST"])
def templates(request: Request) -> Response:
    """All templates; or keep a document as a new revision of the template it names."""
    if request.method == "GET":
        return Response(TemplateSerializer(visible(me(request), Template).select_related("persona"), many=True).data)
    may(me(request), "add", Template)
    try:
        checked = catalogue.from_yaml(body(request, YamlSerializer)["yaml"], lookup)
    except TemplateError as error:
        raise ValidationError({"yaml": [str(problem) for problem in error.problems]}) from error
    return Response(RevisionSerializer(Template.objects.keep(checked, me(request))).data, status=201)


@extend_schema(request=YamlSerializer, responses=CheckSerializer)
@api_view(["POST"])
def check(request: Request) -> Response:
    """Whether a document can be run; every problem with line and column. Keeps nothing."""
    try:
        document = catalogue.from_yaml(body(request, YamlSerializer)["yaml"], lookup)
    except TemplateError as error:
        problems = [{"message": p.message, "line": p.line, "column": p.column} for p in error.problems]
        return Response({"ok": False, "problems": problems})
    return Response({"ok": True, "problems": [], "digest": document.digest})


@extend_schema(responses=OpenApiTypes.OBJECT)
@api_view(["GET"])
def schema(request: Request) -> Response:
    """The document as JSON Schema, for editors."""
    return Response(template_schema())


@extend_schema(responses=WholeRevisionSerializer, parameters=[OpenApiParameter("revision", int)])
@api_view(["GET"])
def template(request: Request, name: str) -> Response:
    """The revision asked for, else the published one, else the newest."""
    template = fetch(me(request), Template, name=name)
    return Response(WholeRevisionSerializer(_revision(request, template, request.query_params.get("revision"))).data)


@extend_schema(request=PublishSerializer, responses=RevisionSerializer)
@api_view(["POST"])
def publish(request: Request, name: str) -> Response:
    """Let a revision be what new runs take. Needs the champion of the template's persona."""
    template = fetch(me(request), Template, name=name)
    number = body(request, PublishSerializer).get("revision")
    revision = fetch(me(request), template.revisions.all(), number=number) if number else template.latest
    may(me(request), "publish", revision)
    revision.publish(me(request))
    return Response(RevisionSerializer(revision).data)


def _revision(request: Request, template: Template, number: str | None) -> Revision:
    if number is None:
        return template.published or template.latest
    if not number.isdigit() or len(number) > 9:
        raise ValidationError({"revision": ["This is a whole number."]})
    return fetch(me(request), template.revisions.all(), number=int(number))
