"""What every room's REST views share: who asks, keys, a conflict, and refusals that keep their own sentence."""

from typing import Any

from django.core.exceptions import PermissionDenied as Denied
from django.core.exceptions import ValidationError
from drf_standardized_errors.handler import ExceptionHandler
from rest_framework import serializers, status
from rest_framework.exceptions import APIException, PermissionDenied
from rest_framework.request import Request

from lib import names
from people.keys import validate_key
from people.models import User


class Conflict(APIException):
    """The request is right and what it is about is in no state for it; the message says what to do."""

    status_code = status.HTTP_409_CONFLICT
    default_code = "conflict"


class InWords(ExceptionHandler):
    """A refusal keeps its own sentence; the framework's says only that there was one."""

    def convert_known_exceptions(self, exc: Exception) -> Exception:
        if isinstance(exc, Denied) and exc.args:
            return PermissionDenied(str(exc))
        return super().convert_known_exceptions(exc)


class KeySerializer(serializers.CharField):
    """A key in the body of a request."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"max_length": 80, **kwargs})

    def to_internal_value(self, data: Any) -> str:
        key = names.normal(super().to_internal_value(data))
        try:
            validate_key(key)
        except ValidationError as error:
            raise serializers.ValidationError(error.messages) from error
        return key


def me(request: Request) -> User:
    """The signed-in person of a view that lets nobody else in, with their own type."""
    assert isinstance(request.user, User)
    return request.user
