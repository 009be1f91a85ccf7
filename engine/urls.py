"""The addresses of this room's pages."""

from django.urls import path

from engine.views import health, live, metrics, runs, stream, templates

DEPLOYMENT = "live/<slug:team>/<slug:target>/<slug:name>/"

urlpatterns = [
    path("health/live", health.live, name="health-live"),
    path("health/ready", health.ready, name="health-ready"),
    path("metrics", metrics.metrics, name="metrics"),
    path("runs/", runs.runs, name="runs"),
    path("runs/<int:pk>/", runs.run, name="run"),
    path("runs/<int:pk>/events/", stream.stream, name="run-events"),
    path("runs/<int:pk>/cancel/", runs.cancel, name="run-cancel"),
    path("runs/<int:pk>/resume/", runs.resume, name="run-resume"),
    path("runs/<int:pk>/steps/<int:step_pk>/", runs.step, name="run-step"),
    path("runs/<int:pk>/steps/<int:step_pk>/approve/", runs.approve, name="run-approve"),
    path("runs/<int:pk>/steps/<int:step_pk>/confirm/", runs.confirm, name="run-confirm"),
    path("live/", live.live, name="live"),
    path(DEPLOYMENT, live.deployment, name="deployment"),
    path(f"{DEPLOYMENT}rollback/", live.rollback, name="deployment-rollback"),
    path(f"{DEPLOYMENT}remove/", live.remove, name="deployment-remove"),
    path(f"{DEPLOYMENT}restore/", live.restore, name="deployment-restore"),
    path(f"{DEPLOYMENT}done/<slug:criterion>/confirm/", live.confirm, name="criterion-confirm"),
    path("drop/", templates.drop, name="drop"),
    path("templates/", templates.templates, name="templates"),
    path("templates/kinds/<str:name>/", templates.kind, name="kind"),
    path("templates/<slug:name>/", templates.template, name="template"),
    path("templates/<slug:name>/publish/", templates.publish, name="template-publish"),
    path("templates/<slug:name>/start/", templates.start, name="template-start"),
]
