"""Addresses of this room."""

from django.urls import path

from research import api
from research.views import cases, export, insights, participants, removing, review, sessions, studies

STUDY = "studies/<key:slug>"
PERSON = f"{STUDY}/participants/P<int:number>"
SESSION = "sessions/<int:pk>"
OBSERVATION = "observations/<uuid:pk>"
INSIGHT = "insights/<int:pk>"

urlpatterns = [
    path("studies/", studies.studies, name="studies"),
    path("studies/new/", studies.study_new, name="study-new"),
    path(f"{STUDY}/", studies.study, name="study"),
    path(f"{STUDY}/change/", studies.study_change, name="study-change"),
    path(f"{STUDY}/members/add/", studies.member_add, name="study-member-add"),
    path(f"{STUDY}/members/<int:pk>/remove/", studies.member_remove, name="study-member-remove"),
    path(f"{STUDY}/activities/", studies.activities, name="activities"),
    path(f"{STUDY}/csv/", export.study_csv, name="study-csv"),
    path(f"{STUDY}/participants/new/", participants.participant_new, name="participant-new"),
    path(f"{PERSON}/", participants.participant, name="participant"),
    path(f"{PERSON}/change/", participants.participant_change, name="participant-change"),
    path(f"{PERSON}/consent/", participants.consent_new, name="consent-new"),
    path("consents/<int:pk>/withdraw/", participants.consent_withdraw, name="consent-withdraw"),
    path("consent/<str:token>/", participants.consent, name="consent"),
    path(f"{STUDY}/cases/new/", cases.case_new, name="case-new"),
    path("cases/<int:pk>/", cases.case, name="case"),
    path("cases/<int:pk>/change/", cases.case_change, name="case-change"),
    path("watch/", sessions.watch, name="watch"),
    path(f"{STUDY}/sessions/new/", sessions.session_new, name="session-new"),
    path(f"{SESSION}/", sessions.session, name="session"),
    path(f"{SESSION}/change/", sessions.session_change, name="session-change"),
    path(f"{SESSION}/live/", sessions.session_live, name="session-live"),
    path(f"{SESSION}/stop/", sessions.session_stop, name="session-stop"),
    path(f"{SESSION}/reviewed/", sessions.session_review, name="session-review"),
    path(f"{SESSION}/csv/", export.session_csv, name="session-csv"),
    path(f"{SESSION}/observations/new/", review.observation_new, name="observation-new"),
    path(f"{OBSERVATION}/", review.observation, name="observation"),
    path(f"{OBSERVATION}/change/", review.observation_change, name="observation-change"),
    path(f"{OBSERVATION}/merge/", review.observation_merge, name="observation-merge"),
    path(f"{OBSERVATION}/mark/", review.observation_mark, name="observation-mark"),
    path(f"{OBSERVATION}/release/", review.observation_release, name="observation-release"),
    path(f"{OBSERVATION}/history/", review.observation_history, name="observation-history"),
    path(f"{OBSERVATION}/history/<int:version>/", review.observation_revert, name="observation-revert"),
    path("insights/", insights.insights, name="insights"),
    path("insights/new/", insights.insight_new, name="insight-new"),
    path(f"{INSIGHT}/", insights.insight, name="insight"),
    path(f"{INSIGHT}/change/", insights.insight_change, name="insight-change"),
    path(f"{INSIGHT}/evidence/<uuid:observation>/drop/", insights.evidence_drop, name="evidence-drop"),
    path(f"{INSIGHT}/evidence/<uuid:observation>/move/", insights.evidence_move, name="evidence-move"),
    path("evidence/remove/<slug:kind>/<int:pk>/", removing.remove, name="evidence-remove"),
    path("evidence/remove/<slug:kind>/<uuid:pk>/", removing.remove, name="evidence-remove"),
    path("evidence/restore/<slug:kind>/<int:pk>/", removing.restore, name="evidence-restore"),
    path("evidence/restore/<slug:kind>/<uuid:pk>/", removing.restore, name="evidence-restore"),
    path("api/research/sessions/<int:session>/observations/", api.entries, name="api-entries"),
    path("api/research/sessions/<int:session>/observations/<uuid:pk>/", api.entry, name="api-entry"),
    path("api/research/sessions/<int:session>/stop/", api.stop, name="api-stop"),
]
