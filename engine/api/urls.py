"""/api/…: the engine's part of it."""

from django.urls import path, register_converter

from engine.api import audit, deployments, exports, files, limits, runs, schedules, services, templates


class Id:
    """A row's number: short enough for every database."""

    regex = "[0-9]{1,18}"

    def to_python(self, value: str) -> int:
        return int(value)

    def to_url(self, value: int) -> str:
        return str(value)


register_converter(Id, "id")

urlpatterns = [
    path("audit/", audit.audit, name="api-audit"),
    path("files/", files.files, name="api-files"),
    path("runs/", runs.runs, name="api-runs"),
    path("runs/<id:pk>/", runs.run, name="api-run"),
    path("runs/<id:pk>/events/", runs.events, name="api-run-events"),
    path("runs/<id:pk>/xes/", exports.run_xes, name="api-run-xes"),
    path("runs/<id:pk>/cancel/", runs.cancel, name="api-run-cancel"),
    path("runs/<id:pk>/pause/", runs.pause, name="api-run-pause"),
    path("runs/<id:pk>/continue/", runs.go_on, name="api-run-continue"),
    path("runs/<id:pk>/tell/", runs.tell, name="api-run-tell"),
    path("runs/<id:pk>/diff/<id:other>/", runs.diff, name="api-run-diff"),
    path("runs/<id:pk>/resume/", runs.resume, name="api-run-resume"),
    path("runs/<id:pk>/steps/<str:leaf>/approve/", runs.approve, name="api-step-approve"),
    path("runs/<id:pk>/steps/<str:leaf>/confirm/", runs.confirm, name="api-step-confirm"),
    path("runs/<id:pk>/steps/<str:leaf>/logs/", runs.logs, name="api-step-logs"),
    path("schedules/", schedules.schedules, name="api-schedules"),
    path("schedules/<id:pk>/", schedules.schedule, name="api-schedule"),
    path("limits/", limits.limits, name="api-limits"),
    path("limits/<id:pk>/", limits.limit, name="api-limit"),
    path("deployments/", deployments.deployments, name="api-deployments"),
    path("deployments/<id:pk>/", deployments.deployment, name="api-deployment"),
    path("deployments/<id:pk>/restore/", deployments.restore, name="api-deployment-restore"),
    path("deployments/<id:pk>/rollback/", deployments.rollback, name="api-deployment-rollback"),
    path("deployments/<id:pk>/config/", services.config, name="api-deployment-config"),
    path("deployments/<id:pk>/again/", services.again, name="api-deployment-again"),
    path("deployments/<id:pk>/scale/", services.scale, name="api-deployment-scale"),
    path("deployments/<id:pk>/exec/", services.execute, name="api-deployment-exec"),
    path("deployments/<id:pk>/exec/<slug:job>/", services.executed, name="api-deployment-executed"),
    path("deployments/<id:pk>/logs/", deployments.logs, name="api-deployment-logs"),
    path("deployments/<id:pk>/done/<slug:criterion>/confirm/", deployments.confirm, name="api-criterion-confirm"),
    path("templates/", templates.templates, name="api-templates"),
    path("templates/check/", templates.check, name="api-template-check"),
    path("templates/schema/", templates.schema, name="api-template-schema"),
    path("templates/<key:name>/", templates.template, name="api-template"),
    path("templates/<key:name>/xes/", exports.template_xes, name="api-template-xes"),
    path("templates/<key:name>/publish/", templates.publish, name="api-template-publish"),
]
