"""/insights/: made of what was ticked, put in order, read through consent."""

from people.models import PersonaChampion
from research.models import Consent, Insight, Observation


def made(study, *observations):
    insight = Insight.objects.create(study=study, persona=study.persona, title="Columns are compared by eye")
    insight.rest_on(*observations)
    return insight


def test_it_rests_on_what_was_ticked(as_alice, study, quote, ml):
    form = {"title": "By eye", "study": study.pk, "persona": ml.pk, "from": [str(quote.pk)]}
    as_alice.post("/insights/new/", form)
    assert list(Insight.objects.get().evidence_rows()) == [quote]


def test_more_is_added_to_one_that_is_there(as_alice, study, quote):
    insight = made(study)
    as_alice.get("/insights/new/", {"from": str(quote.pk), "insight": insight.pk})
    assert list(insight.evidence_rows()) == [quote]


def test_evidence_is_put_in_order_and_taken_off(as_alice, study, session, participant, quote):
    other = Observation.objects.create(session=session, participant=participant, at=1)
    insight = made(study, quote, other)
    as_alice.post(f"/insights/{insight.pk}/evidence/{other.pk}/move/")
    assert list(insight.evidence_rows()) == [other, quote]
    as_alice.post(f"/insights/{insight.pk}/evidence/{other.pk}/drop/")
    assert list(insight.evidence_rows()) == [quote]


def test_what_was_withdrawn_no_longer_supports_it(as_alice, study, quote):
    insight = made(study, quote)
    assert (insight.people, insight.observed) == (1, 1)
    Consent.objects.get().withdraw()
    assert (insight.people, insight.observed) == (0, 0)
    page = as_alice.get(f"/insights/{insight.pk}/").content.decode()
    assert "Withdrawn by the participant" in page
    assert quote.text not in page


def test_a_champion_reads_insights_of_their_persona_but_not_the_words(as_charlie, charlie, study, ml, quote):
    insight = made(study, quote)
    assert as_charlie.get(f"/insights/{insight.pk}/").status_code == 404
    PersonaChampion.objects.create(persona=ml, user=charlie)
    page = as_charlie.get(f"/insights/{insight.pk}/")
    assert page.status_code == 200
    assert quote.text.encode() not in page.content
    assert as_charlie.post(f"/insights/{insight.pk}/change/").status_code == 403


def test_nobody_builds_on_what_they_may_not_see(as_charlie, study, charlie, quote, ml):
    as_charlie.post("/insights/new/", {"title": "x", "study": study.pk, "persona": ml.pk, "from": [str(quote.pk)]})
    assert not Insight.objects.exists()


def test_who_saves_second_reads_what_the_first_saved_and_nothing_typed_is_lost(as_alice, study):
    insight = made(study)
    form = {"title": "Mine", "text": "", "study": study.pk, "persona": study.persona_id, "revision": insight.revision}
    Insight.objects.get().change(1, title="Theirs", text="By eye.")
    answer = as_alice.post(f"/insights/{insight.pk}/change/", form)
    page = answer.content.decode()
    assert answer.status_code == 409
    assert "Title: Theirs" in page
    assert "Text: By eye." in page
    assert 'value="Mine"' in page
    insight.refresh_from_db()
    assert insight.title == "Theirs"
    for _ in range(2):  # pressed twice, it is saved once
        assert as_alice.post(f"/insights/{insight.pk}/change/", {**form, "revision": 2}).status_code == 302
    insight.refresh_from_db()
    assert (insight.title, insight.text, insight.revision) == ("Mine", "", 3)
