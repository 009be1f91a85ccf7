"""/api/me/: the person this terminal is signed in as, with their persona's words."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import api_view
from rest_framework.request import Request
from rest_framework.response import Response

from people.models.persona import plain_words
from people.rest import me


class MeSerializer(serializers.Serializer[None]):
    username = serializers.CharField()
    name = serializers.CharField()
    persona = serializers.CharField(allow_null=True)
    words = serializers.DictField(child=serializers.CharField())


@extend_schema(responses=MeSerializer)
@api_view(["GET"])
def who(request: Request) -> Response:
    """Yourself, with your persona and its words."""
    user = me(request)
    persona = user.persona
    words = persona.says() if persona else plain_words()
    answer = {"username": user.username, "name": user.name, "persona": persona.slug if persona else None}
    return Response({**answer, "words": words})
