"""Every address. A room's addresses are in its own urls.py."""

from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularRedocView

from server import errors, example_page, look, outcomes
from server.help import views as help_views
from server.home import blocks, live_blocks, page, waiting  # noqa: F401 - fill Home, what waits, and the thread
from server.search import views as search

urlpatterns = [
    path("", page.home, name="home"),
    path("new/", page.new, name="new"),
    path("waiting/", waiting.page, name="waiting"),
    path("search/", search.search, name="search"),
    path("look/", look.look, name="look"),
    path("outcomes/", outcomes.outcomes, name="outcomes"),
    path("help/", help_views.index, name="help"),
    path("help/pictures/<str:name>", help_views.shown_picture, name="help-picture"),
    path("help/<str:name>/", help_views.document, name="help-document"),
    path("settings/example/", example_page.example, name="example"),
    path("accounts/", include("allauth.account.urls")),
    path("", include("people.urls")),
    path("", include("research.urls")),
    path("", include("engine.urls")),
    path("", include("journeys.urls")),
    path("api/", include("engine.api.urls")),
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
    path("api/docs/", SpectacularRedocView.as_view(), name="api-docs"),
]

handler400 = errors.bad_request
handler403 = errors.forbidden
handler404 = errors.not_found
handler500 = errors.failed
