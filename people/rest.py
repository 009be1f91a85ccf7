"""What every room's REST views share: who asks, a conflict, and refusals that keep their own sentence."""

from django.core.exceptions import PermissionDenied as Denied
from drf_standardized_errors.handler import ExceptionHandler
from rest_framework import status
from rest_framework.exceptions import APIException, PermissionDenied
from rest_framework.request import Request

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


def me(request: Request) -> User:
    """The signed-in person of a view that lets nobody else in, with their own type."""
    assert isinstance(request.user, User)
    return request.user
