"""/settings/teams/: who is on a team and in which role, and links that ask somebody in."""

from django.contrib.auth import get_user
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from lib.pages.forms import form_page
from lib.pages.toasts import say, warn
from people import adapter
from people.access import can, fetch, may, me
from people.forms import InvitationForm, MemberForm, TeamForm
from people.models import Invitation, Role, Team


@login_required
def team_new(request: HttpRequest) -> HttpResponse:
    may(me(request), "add", Team)
    form = TeamForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        team = form.save()
        team.add(me(request), Role.ADMIN)
        return redirect("team", team.slug)
    return form_page(request, form, "New team", back="/settings/", back_name="Settings", button="Make the team")


@login_required
def team(request: HttpRequest, slug: str) -> HttpResponse:
    team = fetch(me(request), Team, slug=slug)
    form = MemberForm(request.POST or None)
    if request.method == "POST":
        may(me(request), "change", team)
        if form.is_valid():
            form.save(team)
            return redirect("team", slug)
    context = {
        "team": team,
        "memberships": team.memberships.select_related("user"),
        "form": form,
        "invitation_form": InvitationForm(),
        "invitations": team.invitations.open(),
        "may_change": can(me(request), "change", team),
    }
    return render(request, "people/team.html", context)


@login_required
@require_POST
def invite(request: HttpRequest, slug: str) -> HttpResponse:
    team = fetch(me(request), Team, "change", slug=slug)
    form = InvitationForm(request.POST, instance=Invitation(team=team, made_by=me(request)))
    if form.is_valid():
        form.save()
        say(request, "Copy the link below and send it; it works once, for 14 days.")
    return redirect("team", slug)


@login_required
@require_POST
def membership_remove(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    team = fetch(me(request), Team, "change", slug=slug)
    membership = get_object_or_404(team.memberships, pk=pk)
    admins = team.memberships.filter(role=Role.ADMIN)
    if membership.role == Role.ADMIN and not admins.exclude(pk=pk).exists():
        warn(request, "This is the team's last admin. Make somebody else admin first.")
    else:
        membership.delete()
        say(request, f"{membership.user} is no longer {membership.get_role_display().lower()} here.")
    return redirect("team", slug) if team.has(me(request)) else redirect("settings")


def invitation(request: HttpRequest, token: str) -> HttpResponse:
    """The link in an invitation: join when signed in, else sign up first."""
    invitation = get_object_or_404(Invitation.objects.open(), token=token)
    if not get_user(request).is_authenticated:
        request.session[adapter.KEY] = token
        return redirect("account_signup")
    if request.method == "POST":
        invitation.accept(me(request))
        say(request, f"You are on {invitation.team} now.")
        return redirect("team", invitation.team.slug)
    return render(request, "people/invitation.html", {"invitation": invitation})
