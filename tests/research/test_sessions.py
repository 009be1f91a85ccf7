"""/sessions/: plan, set up with consent first, stop, review; and what cannot be."""

from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError
from django.utils import timezone

from research.models import Consent, Observation, Session
from research.views import sessions

ASKED = {"consent-notes": "on", "consent-audience": "team", "consent-asked": "on"}
NOON = datetime(2026, 3, 3, 12, tzinfo=UTC)


def test_start_watching_is_one_press(as_alice, study):
    answer = as_alice.post("/watch/", {"study": study.slug})
    session = Session.objects.get()
    assert answer.url == f"/sessions/{session.pk}/live/"
    assert as_alice.post("/watch/", {"study": study.slug}).url == answer.url  # not another one


def test_consent_comes_before_the_clock(as_alice, study):
    session = study.sessions.create()
    form = {"sort": "shadowing", "case_title": "churn"}
    assert as_alice.post(f"/sessions/{session.pk}/live/", form).status_code == 200
    session.refresh_from_db()
    assert session.started_at is None
    assert not study.participants.exists()
    as_alice.post(f"/sessions/{session.pk}/live/", {**form, **ASKED})
    session.refresh_from_db()
    assert session.state == "live"
    assert session.case.title == "churn"
    assert session.participants.get().consent.scope == ["notes"]


def test_begin_pressed_twice_is_one_person_one_consent_and_one_clock(as_alice, study, monkeypatch):
    session = study.sessions.create()
    begin = sessions.begin
    form = {"sort": "shadowing", "case_title": "churn", **ASKED}
    press = partial(as_alice.post, f"/sessions/{session.pk}/live/", form)

    def begin_second(*given):
        """Both presses have read the session before either writes in it."""
        monkeypatch.undo()
        press()
        Session.objects.update(about="written meanwhile", started_at=NOON)
        return begin(*given)

    monkeypatch.setattr(sessions, "begin", begin_second)
    assert press().url == f"/sessions/{session.pk}/live/"
    session.refresh_from_db()
    assert (session.started_at, session.about) == (NOON, "written meanwhile")
    assert session.participants.get() == study.participants.get()
    assert Consent.objects.count() == study.cases.count() == 1


def test_nobody_is_watched_whose_consent_was_withdrawn(session, study, participant):
    Consent.objects.get().withdraw()
    again = study.sessions.create()
    again.participants.add(participant)
    with pytest.raises(ValidationError, match="P1 has not consented"):
        again.begin()


def test_a_session_does_not_end_before_it_begins(as_alice, study, session):
    form = {"sort": "shadowing", "started_at": "2026-03-03T14:00:00", "ended_at": "2026-03-03T13:00:00"}
    answer = as_alice.post(f"/sessions/{session.pk}/change/", form)
    assert b"A session cannot end before it begins. Check both times." in answer.content
    session.ended_at = session.started_at - timedelta(seconds=1)
    with pytest.raises(IntegrityError):
        session.save()


def test_stop_reaches_over_everything_that_was_logged(session, quote):
    session.stop(session.started_at + timedelta(seconds=1))
    assert session.length == quote.at


def test_a_session_that_has_not_begun_cannot_stop(as_alice, study):
    session = study.sessions.create()
    answer = as_alice.post(f"/sessions/{session.pk}/stop/", follow=True)
    assert b"has not begun" in answer.content


def test_the_review_shows_gaps_and_is_ticked_off(as_alice, session, quote):
    session.stop()
    page = as_alice.get(f"/sessions/{session.pk}/")
    assert b"Nothing from 00:00:00 to 00:41:12" in page.content
    as_alice.post(f"/sessions/{session.pk}/reviewed/")
    session.refresh_from_db()
    assert session.state == "reviewed"


def as_read(quote, **typed):
    """What the form of the quote sends, when it was opened as the quote is now."""
    shown = {"at": "0:41:12", "until": "", "kind": "says", "source": "said", "text": quote.text, "quote": "on"}
    chosen = {name: getattr(quote, f"{name}_id") for name in ("participant", "activity", "case")}
    return {**shown, **chosen, "revision": quote.revision, **typed}


def test_a_time_is_put_right(as_alice, quote):
    form = as_read(quote, at="0:41:00", text="x")
    as_alice.post(f"/observations/{quote.pk}/change/", form)
    quote.refresh_from_db()
    assert (quote.at, quote.text) == (2_460_000, "x")
    answer = as_alice.post(f"/observations/{quote.pk}/change/", {**form, "until": "0:40:00"})
    assert b"cannot end before it starts" in answer.content
    answer = as_alice.post(f"/observations/{quote.pk}/change/", {**form, "at": "soon"})
    assert b"hours:minutes:seconds" in answer.content


@pytest.mark.parametrize("htmx", [False, True])
def test_who_saves_second_reads_what_the_first_saved_and_nothing_typed_is_lost(as_alice, quote, htmx):
    form = as_read(quote, text="Mine.")
    quote.change(text="Theirs.", until=quote.at + 1000)
    headers = {"HX-Request": "true"} if htmx else {}
    answer = as_alice.post(f"/observations/{quote.pk}/change/", form, headers=headers)
    page = answer.content.decode()
    assert answer.status_code == (200 if htmx else 409)
    assert "Somebody else changed this while you did." in page
    assert "Text: Theirs." in page
    assert "To: 00:41:13" in page
    assert "Mine.</textarea>" in page
    assert "Keep mine" in page
    quote.refresh_from_db()
    assert quote.text == "Theirs."
    revision = page.split('name="revision" value="')[1].split('"')[0]
    as_alice.post(f"/observations/{quote.pk}/change/", {**form, "revision": revision})
    quote.refresh_from_db()
    assert (quote.text, quote.until) == ("Mine.", None)


def test_save_pressed_twice_is_no_quarrel_with_oneself(as_alice, quote):
    form = as_read(quote, text="One\r\nTwo", source="seen")  # what was said is kept as said
    for _ in range(2):
        assert as_alice.post(f"/observations/{quote.pk}/change/", form).status_code == 302
    quote.refresh_from_db()
    assert quote.revision == 2


def test_a_form_that_says_no_revision_replaces_nothing_unseen(as_alice, quote):
    form = as_read(quote, text="Mine.", revision="")
    assert as_alice.post(f"/observations/{quote.pk}/change/", form).status_code == 409


def test_one_change_leaves_alone_what_another_changed_meanwhile(quote):
    stale, gone = Observation.objects.get(), Observation.objects.get()
    quote.change(text="Theirs.")
    stale.change(marked=True)
    gone.remove()
    now = Observation.everything.get()
    assert (now.text, now.marked, now.revision) == ("Theirs.", True, 4)


def test_an_edit_can_be_taken_back(as_alice, quote):
    was = quote.text
    quote.change(text="something else")
    first = quote.history.earliest()
    as_alice.post(f"/observations/{quote.pk}/history/{first.history_id}/")
    quote.refresh_from_db()
    assert quote.text == was


def test_two_become_one_and_evidence_follows(as_alice, quote, session, participant, study):
    other = Observation.objects.create(session=session, participant=participant, at=quote.at + 5, text="more")
    insight = study.insights.create(persona=study.persona, title="t")
    insight.rest_on(other)
    as_alice.post(f"/observations/{quote.pk}/merge/")
    quote.refresh_from_db()
    assert quote.text.endswith("\nmore")
    assert list(insight.evidence_rows()) == [quote]


def test_bob_reads_the_session_and_changes_nothing(as_bob, session, quote):
    page = as_bob.get(f"/sessions/{session.pk}/")
    assert page.status_code == 200
    assert quote.text.encode() not in page.content
    assert as_bob.get(f"/sessions/{session.pk}/live/").status_code == 403
    for verb in ("change", "merge", "mark", "release", "history"):
        assert as_bob.post(f"/observations/{quote.pk}/{verb}/").status_code == 403


def test_planned_ones_wait_on_the_study_page(as_alice, study):
    when = (timezone.now() + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M")
    as_alice.post(f"{study.get_absolute_url()}sessions/new/", {"sort": "interview", "planned_for": when})
    assert Session.objects.get().state == "planned"
    assert b"Planned" in as_alice.get(study.get_absolute_url()).content
