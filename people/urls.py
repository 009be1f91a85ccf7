"""Addresses of this room."""

from django.urls import path

from people import api
from people.views import settings, teams, terminal

urlpatterns = [
    path("settings/", settings.settings, name="settings"),
    path("settings/theme/", settings.choose_theme, name="theme"),
    path("settings/tokens/<slug:key>/revoke/", settings.token_revoke, name="token-revoke"),
    path("settings/teams/new/", teams.team_new, name="team-new"),
    path("settings/teams/<key:slug>/", teams.team, name="team"),
    path("settings/teams/<key:slug>/invite/", teams.invite, name="invite"),
    path("settings/teams/<key:slug>/members/<int:pk>/remove/", teams.membership_remove, name="membership-remove"),
    path("invitation/<slug:token>/", teams.invitation, name="invitation"),
    path("api/me/", api.who, name="api-me"),
    path("login/terminal/", terminal.terminal, name="terminal"),
]
