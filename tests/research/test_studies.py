"""/studies/ and what hangs on it: made, read, changed, removed and taken back; CSV."""

import csv
import io

import pytest

from research.models import Case, Consent, Insight, Participant, Study


def test_a_researcher_makes_a_study_and_leads_it(as_alice, alice, team, ml):
    as_alice.post("/studies/new/", {"title": "Shipping", "persona": ml.pk})
    assert Study.objects.get().has(alice, "lead")


def test_an_engineer_makes_none(as_bob, team):
    assert as_bob.get("/studies/new/").status_code == 403


def test_two_of_the_same_title_have_two_addresses(ml):
    made = [Study.objects.create(title="Shipping", persona=ml) for _ in range(3)]
    assert [study.slug for study in made] == ["shipping", "shipping-2", "shipping-3"]


def everything(study, participant, case, session, quote):
    insight = Insight.objects.create(study=study, persona=study.persona, title="Columns are compared by eye")
    insight.rest_on(quote)
    return {
        "study": study, "participant": participant, "case": case, "session": session, "observation": quote,
        "insight": insight,
    }  # fmt: skip


@pytest.mark.parametrize("kind", ["study", "participant", "case", "session", "observation", "insight"])
def test_each_can_be_removed_and_taken_back(
    kind, as_alice, as_bob, as_charlie, study, participant, case, session, quote
):
    thing = everything(study, participant, case, session, quote)[kind]
    address = f"/evidence/remove/{kind}/{thing.pk}/"
    assert as_charlie.post(address).status_code == 404
    assert as_bob.post(address).status_code == 403
    gone = as_alice.post(address, follow=True)
    assert b"Undo" in gone.content
    model = type(thing)
    assert not model.objects.filter(pk=thing.pk).exists()
    back = f"/evidence/restore/{kind}/{thing.pk}/"
    assert as_charlie.post(back).status_code == 404
    as_alice.post(back)
    assert model.objects.filter(pk=thing.pk).exists()


PAGES = ["", "participants/P1/", "csv/"]


@pytest.mark.parametrize("page", PAGES)
def test_members_read_and_others_find_nothing(page, as_alice, as_bob, as_charlie, study, quote):
    address = f"{study.get_absolute_url()}{page}"
    assert as_alice.get(address).status_code == 200
    assert quote.text.encode() in as_alice.get(address).content or page == ""
    assert as_bob.get(address).status_code == 200
    assert quote.text.encode() not in as_bob.get(address).content  # fewer than five people took part
    assert as_charlie.get(address).status_code == 404


def test_the_csv_says_what_its_reader_may_read(as_alice, as_bob, study, quote):
    quote.change(text="=SUM(A1)")
    rows = [list(csv.DictReader(io.StringIO(client.get(f"{study.get_absolute_url()}csv/").content.decode("utf-8-sig"))))
            for client in (as_alice, as_bob)]  # fmt: skip
    assert (rows[0][0]["text"], rows[0][0]["participant"], rows[0][0]["state"]) == ("'=SUM(A1)", "P1", "verbatim")
    assert (rows[1][0]["text"], rows[1][0]["participant"], rows[1][0]["state"]) == ("", "", "few")


def test_a_pseudonym_is_never_given_twice(study):
    study.new_participant()
    study.new_participant().remove()
    assert str(study.new_participant()) == "P3"


def test_a_consent_cannot_end_in_the_past(as_alice, participant):
    form = {"notes": "on", "audience": "team", "asked": "on", "until": "2020-01-01"}
    answer = as_alice.post(f"{participant.get_absolute_url()}consent/", form)
    assert b"This day has passed" in answer.content


def test_the_participant_withdraws_without_signing_in(client, participant):
    address = Consent.objects.get().get_absolute_url()
    assert b"What you agreed to" in client.get(address).content
    client.post(address)
    assert Consent.objects.get().state == "withdrawn"
    assert client.get("/consent/guessed/").status_code == 404


def test_a_case_is_made_and_changed(as_alice, study):
    as_alice.post(f"{study.get_absolute_url()}cases/new/", {"title": "churn"})
    case = Case.objects.get()
    as_alice.post(f"/cases/{case.pk}/change/", {"title": "churn", "outcome": "live after 9 days"})
    assert b"live after 9 days" in as_alice.get(f"/cases/{case.pk}/").content


def test_a_participant_is_made_and_changed(as_alice, study, ml):
    as_alice.post(f"{study.get_absolute_url()}participants/new/", {"persona": ml.pk, "about": "alone"})
    one = Participant.objects.get()
    as_alice.post(f"{one.get_absolute_url()}change/", {"persona": ml.pk, "about": "in a pair"})
    one.refresh_from_db()
    assert one.about == "in a pair"


def test_only_the_lead_decides_who_is_in_it(as_alice, as_bob, study, charlie):
    address = f"{study.get_absolute_url()}members/add/"
    assert as_bob.post(address, {"username": "charlie", "role": "viewer"}).status_code == 403
    as_alice.post(address, {"username": "charlie", "role": "researcher"})
    assert study.has(charlie, "researcher")


def test_the_last_lead_stays(as_alice, study, alice):
    as_alice.post(f"{study.get_absolute_url()}members/{study.members.get(user=alice).pk}/remove/")
    as_alice.post(f"{study.get_absolute_url()}members/add/", {"username": "alice", "role": "viewer"})
    assert study.has(alice, "lead")
