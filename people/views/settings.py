"""/settings/: who I am, how it looks, my teams, and the tokens my terminals hold."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST
from knox.models import AuthToken

from lib.pages import theme
from lib.pages.toasts import say
from people.access import can, me
from people.forms import ProfileForm
from people.models import Team


@login_required
def settings(request: HttpRequest) -> HttpResponse:
    form = ProfileForm(request.POST or None, instance=me(request))
    if request.method == "POST" and form.is_valid():
        form.save()
        say(request, "Saved.")
        return redirect("settings")
    context = {
        "form": form,
        "teams": Team.objects.visible_to(me(request)).prefetch_related("memberships__user"),
        "tokens": AuthToken.objects.filter(user=me(request), expiry__gt=timezone.now()).order_by("-created"),
        "can_make_team": can(me(request), "add", Team),
    }
    return render(request, "people/settings.html", context)


@require_POST
def choose_theme(request: HttpRequest) -> HttpResponse:
    target = request.POST.get("next", "/")
    safe = url_has_allowed_host_and_scheme(target, {request.get_host()}, require_https=request.is_secure())
    response = redirect(target if safe else "/")
    theme.keep(response, request.POST.get("theme", ""))
    return response


@login_required
@require_POST
def token_revoke(request: HttpRequest, key: str) -> HttpResponse:
    get_object_or_404(AuthToken, user=me(request), token_key=key).delete()
    say(request, "Revoked: the terminal that held this token is signed out.")
    return redirect("settings")
