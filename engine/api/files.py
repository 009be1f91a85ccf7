"""/api/files/: hand a file in; it is stored by its content and scanned before anything opens it."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.decorators import api_view, parser_classes
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from engine.api.common import body, refusals, team_of
from engine.api.serializers import FileSerializer, UploadSerializer
from engine.models import Artefact
from people.access import may
from people.rest import me


@extend_schema(request={"multipart/form-data": UploadSerializer}, responses={201: FileSerializer})
@api_view(["POST"])
@parser_classes([MultiPartParser])
def files(request: Request) -> Response:
    """Store a file for a team."""
    sent = body(request, UploadSerializer)
    team = team_of(me(request), sent.get("team"))
    may(me(request), "start_in", team)
    with refusals():
        kept = Artefact.objects.keep(sent["file"], sent["file"].name, team, me(request))
    return Response(FileSerializer(kept).data, status=201)
