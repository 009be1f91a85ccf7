"""What may be read of a quote, decided where it is read."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import AnonymousUser
from django.utils import timezone

from people.models import Team
from research.models import Consent, Observation, Participant
from research.reading import Reading
from tests.conftest import person


def consent(participant, **fields):
    return Consent.objects.create(participant=participant, **{"quotes": True, "audience": "team", **fields})


@pytest.fixture
def mate(team):
    """On the study's team and not in the study."""
    made = person("mia")
    team.add(made, "engineer")
    return made


@pytest.mark.parametrize(
    ("audience", "alice_reads", "mate_reads", "charlie_reads"),
    [
        ("researchers", "verbatim", "outside", "outside"),
        ("team", "verbatim", "verbatim", "outside"),
        ("company", "verbatim", "verbatim", "verbatim"),
    ],
)
def test_the_audience_decides(quote, crowd, alice, mate, charlie, audience, alice_reads, mate_reads, charlie_reads):
    consent(quote.participant, audience=audience)
    found = [Reading(user).quote(quote).state for user in (alice, mate, charlie)]
    assert found == [alice_reads, mate_reads, charlie_reads]


def test_outside_the_audience_only_persona_and_study_are_left(quote, crowd, charlie):
    read = Reading(charlie).quote(quote)
    assert (read.text, read.where, read.url) == ("", "", "")
    assert read.who == "ML engineer · study Shipping a model"


def test_a_withdrawn_consent_leaves_a_tombstone_for_everybody(quote, crowd, alice, charlie):
    quote.participant.consent.withdraw()
    again = Observation.objects.get(pk=quote.pk)
    for user in (alice, charlie):
        assert Reading(user).quote(again).state == "withdrawn"
        assert quote.text not in str(Reading(user).quote(again))


def test_an_expired_consent_does_too(quote, alice):
    past = timezone.now() - timedelta(days=2)
    Consent.objects.update(given_at=past, expires_at=past + timedelta(days=1))
    assert Reading(alice).quote(Observation.objects.get()).state == "expired"


def test_without_a_consent_nothing_is_shown(quote, alice):
    Consent.objects.all().delete()
    assert Reading(alice).quote(Observation.objects.get()).state == "no consent"


def test_who_did_not_agree_to_quotes_is_not_quoted(quote, crowd, alice, bob):
    consent(quote.participant, quotes=False)
    assert Reading(alice).quote(quote).readable
    assert Reading(bob).quote(quote).state == "not agreed"


def test_with_few_participants_quotes_stay_with_the_researchers(quote, alice, bob):
    assert Reading(alice).quote(quote).verbatim
    assert Reading(bob).quote(quote).state == "few"
    quote.release("Somebody finds out late.")
    read = Reading(bob).quote(quote)
    assert (read.state, read.text) == ("paraphrase", "Somebody finds out late.")
    assert Reading(alice).quote(quote).verbatim


def test_the_fifth_participant_frees_the_words(quote, study, bob):
    for _ in range(3):
        study.new_participant()
    assert Reading(bob).quote(quote).state == "few"
    study.new_participant()
    assert Reading(bob).quote(quote).verbatim


def test_a_stranger_and_an_admin_elsewhere_read_nothing(quote, crowd, charlie):
    Team.objects.create(name="Other", slug="other").add(charlie, "admin", "researcher")
    assert not Reading(charlie).quote(quote).readable
    assert not Reading(AnonymousUser()).quote(quote).readable


@pytest.mark.parametrize("audience", ["researchers", "team", "company"])
@pytest.mark.parametrize("quotes", [True, False])
@pytest.mark.parametrize("many", [True, False])
def test_the_filter_and_the_question_agree(quote, mate, alice, bob, charlie, study, audience, quotes, many):
    consent(quote.participant, audience=audience, quotes=quotes)
    if many:
        for _ in range(5):
            study.new_participant()
    Observation.objects.create(
        session=quote.session, participant=quote.participant, at=1, text="compares by eye", paraphrase=""
    )
    released = Observation.objects.create(
        session=quote.session, participant=quote.participant, at=2, text="words", quote=True, kind="says"
    )
    released.release("in other words")
    for user in (alice, bob, mate, charlie):
        asked = {one.pk for one in Observation.objects.all() if Reading(user).quote(one).readable}
        assert asked == set(Reading(user).readable(Observation.objects.all()).values_list("pk", flat=True))


def test_only_consenting_people_count(study, participant):
    other = study.new_participant()
    consent(other).withdraw()
    renewed = study.new_participant()
    consent(renewed).withdraw()
    consent(renewed)
    assert set(Participant.objects.consenting()) == {participant, renewed}
