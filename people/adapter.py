"""allauth's sign-up, which needs an invitation."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest

from people.models import Invitation

KEY = "invitation"


def invitation(request: HttpRequest) -> Invitation | None:
    """The open invitation this browser followed, if any."""
    token = request.session.get(KEY)
    return Invitation.objects.open().filter(token=token).first() if token else None


class InvitedOnly(DefaultAccountAdapter):  # type: ignore[misc]
    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return invitation(request) is not None

    def save_user(self, request: HttpRequest, user: Any, form: Any, commit: bool = True) -> Any:
        saved = super().save_user(request, user, form, commit)
        if commit and (open_invitation := invitation(request)):
            open_invitation.accept(saved)
            del request.session[KEY]
        return saved
