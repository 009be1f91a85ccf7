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
    path("studies/new/", studies.study_new, name="study_new"),
    path(f"{STUDY}/", studies.study, name="study"),
    path(f"{STUDY}/change/", studies.study_change, name="study_change"),
    path(f"{STUDY}/members/add/", studies.member_add, name="study_member_add"),
    path(f"{STUDY}/members/<int:pk>/remove/", studies.member_remove, name="study_member_remove"),
    path(f"{STUDY}/activities/", studies.activities, name="activities"),
    path(f"{STUDY}/csv/", export.study_csv, name="study_csv"),
    path(f"{STUDY}/participants/new/", participants.participant_new, name="participant_new"),
    path(f"{PERSON}/", participants.participant, name="participant"),
    path(f"{PERSON}/change/", participants.participant_change, name="participant_change"),
    path(f"{PERSON}/consent/", participants.consent_new, name="consent_new"),
    path("consents/<int:pk>/withdraw/", participants.consent_withdraw, name="consent_withdraw"),
    path("consent/<str:token>/", participants.consent, name="consent"),
    path(f"{STUDY}/cases/new/", cases.case_new, name="case_new"),
    path("cases/<int:pk>/", cases.case, name="case"),
    path("cases/<int:pk>/change/", cases.case_change, name="case_change"),
    path("watch/", sessions.watch, name="watch"),
    path(f"{STUDY}/sessions/new/", sessions.session_new, name="session_new"),
    path(f"{SESSION}/", sessions.session, name="session"),
    path(f"{SESSION}/change/", sessions.session_change, name="session_change"),
    path(f"{SESSION}/live/", sessions.session_live, name="session_live"),
    path(f"{SESSION}/stop/", sessions.session_stop, name="session_stop"),
    path(f"{SESSION}/reviewed/", sessions.session_review, name="session_review"),
    path(f"{SESSION}/csv/", export.session_csv, name="session_csv"),
    path(f"{SESSION}/observations/new/", review.observation_new, name="observation_new"),
    path(f"{OBSERVATION}/", review.observation, name="observation"),
    path(f"{OBSERVATION}/change/", review.observation_change, name="observation_change"),
    path(f"{OBSERVATION}/merge/", review.observation_merge, name="observation_merge"),
    path(f"{OBSERVATION}/mark/", review.observation_mark, name="observation_mark"),
    path(f"{OBSERVATION}/release/", review.observation_release, name="observation_release"),
    path(f"{OBSERVATION}/history/", review.observation_history, name="observation_history"),
    path(f"{OBSERVATION}/history/<int:version>/", review.observation_revert, name="observation_revert"),
    path("insights/", insights.insights, name="insights"),
    path("insights/new/", insights.insight_new, name="insight_new"),
    path(f"{INSIGHT}/", insights.insight, name="insight"),
    path(f"{INSIGHT}/change/", insights.insight_change, name="insight_change"),
    path(f"{INSIGHT}/evidence/<uuid:observation>/drop/", insights.evidence_drop, name="evidence_drop"),
    path(f"{INSIGHT}/evidence/<uuid:observation>/move/", insights.evidence_move, name="evidence_move"),
    path("evidence/remove/<slug:kind>/<int:pk>/", removing.remove, name="evidence_remove"),
    path("evidence/remove/<slug:kind>/<uuid:pk>/", removing.remove, name="evidence_remove"),
    path("evidence/restore/<slug:kind>/<int:pk>/", removing.restore, name="evidence_restore"),
    path("evidence/restore/<slug:kind>/<uuid:pk>/", removing.restore, name="evidence_restore"),
    path("api/research/sessions/<int:session>/observations/", api.entries, name="api_entries"),
    path("api/research/sessions/<int:session>/observations/<uuid:pk>/", api.entry, name="api_entry"),
    path("api/research/sessions/<int:session>/stop/", api.stop, name="api_stop"),
]
