"""The one way to an object: fetch it for somebody, or it does not exist for them.

Every view uses `fetch`; `can` and `may` ask the rules that each room registers as `APP.ACTION_MODEL`.
"""

from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast

import rules
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest
from django.shortcuts import get_object_or_404

if TYPE_CHECKING:
    from people.models import User

M = TypeVar("M", bound=Model)


class Visible(Protocol):
    def visible_to(self, user: "User") -> Any: ...


def fetch(user: "User | AnonymousUser", what: type[M] | QuerySet[M], to: str = "view", /, **lookup: Any) -> M:
    """The object, if this person may see it (else 404) and may do `to` with it (else 403)."""
    if not user.is_authenticated:
        raise Http404
    row = get_object_or_404(visible(user, what), **lookup)
    if to != "view":
        may(user, to, row)
    return row


def visible(user: "User", what: type[M] | QuerySet[M]) -> QuerySet[M]:
    """What of these exists for this person."""
    rows: Any = what if isinstance(what, QuerySet) else what._default_manager.all()
    return cast("QuerySet[M]", cast(Visible, rows).visible_to(user))


CHAMPIONS_VERBS = ("publish", "limit")


def can(user: "User | AnonymousUser", action: str, thing: Model | type[Model]) -> bool:
    """Whether the rules let this person do that. A class stands for making one. What has no rule is forbidden."""
    meta = thing._meta
    name = f"{meta.app_label}.{action}_{meta.model_name}"
    # Not user.has_perm: that says yes to every superuser, and consent knows no superusers.
    return bool(rules.perm_exists(name) and rules.has_perm(name, user, None if isinstance(thing, type) else thing))


def may(user: "User | AnonymousUser", action: str, thing: Model | type[Model]) -> None:
    """Go on, or answer 403 in words."""
    if not can(user, action, thing):
        who = " Its persona's champion may." if action in CHAMPIONS_VERBS else ""
        raise PermissionDenied(f"You may not {action} this {thing._meta.verbose_name}.{who}")


def me(request: HttpRequest) -> "User":
    """The signed-in person of a view behind `login_required`, with their own type."""
    if not request.user.is_authenticated:
        raise PermissionDenied("Sign in first.")
    return request.user
