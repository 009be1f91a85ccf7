"""The addresses of this room."""

from django.urls import path

from journeys import api
from journeys.views import compare, maps, review, traces

urlpatterns = [
    path("personas/<key:slug>/", maps.persona, name="persona"),
    path("journeys/", maps.journeys, name="journeys"),
    path("journeys/new/", maps.journey_new, name="journey-new"),
    path("journeys/cells/<int:pk>/", maps.cell, name="cell"),
    path("journeys/steps/<int:pk>/evidence/", maps.evidence, name="step-evidence"),
    path("journeys/<key:slug>/", maps.journey, name="journey"),
    path("journeys/<key:slug>/compare/", compare.compare, name="journey-compare"),
    path("journeys/<key:slug>/edit/", maps.edit, name="journey-edit"),
    path("journeys/<key:slug>/draft/", maps.draft, name="journey-draft"),
    path("journeys/<key:slug>/ideal/", maps.import_ideal, name="journey-import"),
    path("journeys/<key:slug>/derive/", maps.derive, name="journey-derive"),
    path("journeys/<key:slug>/<slug:state>/undo/", maps.undo, name="journey-undo"),
    path("journeys/<key:slug>/<slug:state>/version/", maps.version, name="journey-version"),
    path("journeys/<key:slug>/review/<int:pk>/", review.review, name="journey-review"),
    path("trace/leaf/<int:pk>/<slug:leaf>/", traces.leaf, name="trace-leaf"),
    path("trace/<slug:kind>/<str:pk>/", traces.thread, name="trace"),
    path("runs/<int:pk>/evidence/", traces.run_evidence, name="run-evidence"),
    path("api/trace/run/<int:pk>/", api.trace_run, name="api-trace-run"),
    path("api/trace/observation/<uuid:pk>/", api.trace_observation, name="api-trace-observation"),
]
