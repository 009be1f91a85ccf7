"""The thread both ways: on its page, on the map, on the run and in the API; and what consent takes out of it."""

import pytest

from tests.conftest import signed_in

WORDS = "If a column moved I find out from the on-call."


@pytest.fixture
def parity(asking):
    return asking.run.steps.get(leaf="parity")


@pytest.fixture
def everywhere(asking, parity, quote, current):
    """Each address where the quote is read, from below and from above."""
    return {
        "map": "/journeys/ship/?map=current",
        "ideal map": "/journeys/ship/?map=ideal",
        "evidence": f"/journeys/steps/{current.steps.get(key='match-features').pk}/evidence/",
        "run": f"/trace/run/{asking.run_id}/",
        "step": f"/trace/step/{parity.pk}/",
        "leaf": f"/trace/leaf/{asking.run.revision_id}/parity/",
        "API": f"/api/trace/run/{asking.run_id}/?step=parity",
        "observation": f"/trace/observation/{quote.pk}/",
        "API, up": f"/api/trace/observation/{quote.pk}/",
    }


def shown(client, everywhere: dict[str, str]) -> set[str]:
    """Where the words can be read. What is not there for this person shows nothing either."""
    found = {name: client.get(address) for name, address in everywhere.items()}
    assert all(answer.status_code in (200, 404) for answer in found.values())
    return {name for name, answer in found.items() if WORDS in answer.content.decode()}


def test_a_researcher_reads_it_everywhere(as_alice, everywhere):
    assert shown(as_alice, everywhere) == set(everywhere)


def test_it_goes_from_the_step_down_to_the_second(as_alice, parity):
    page = as_alice.get(f"/trace/step/{parity.pk}/").content.decode()
    kinds = ["Outcome", "Run", "Template", "Journey", "Insight", "Evidence"]
    places = [page.index(f"<small>{kind}</small>") for kind in kinds]
    assert places == sorted(places)
    assert "00:41:12" in page
    assert "Columns are compared by eye" in page


def test_it_goes_from_the_quote_up_to_the_run(as_alice, quote, parity):
    page = as_alice.get(f"/trace/observation/{quote.pk}/").content.decode()
    assert WORDS in page
    assert f"/runs/{parity.run_id}/steps/{parity.pk}/" in page
    assert "/live/retention/dummy/churn/" in page


def test_the_session_leads_to_what_came_of_it(as_alice, as_bob, quote, session):
    session.stop()
    for client in (as_alice, as_bob):
        assert f"/trace/observation/{quote.pk}/" in client.get(f"/sessions/{session.pk}/").content.decode()


def test_a_step_that_came_from_nowhere_says_so(as_alice, asking):
    page = as_alice.get(f"/trace/leaf/{asking.run.revision_id}/owner/").content.decode()
    assert "Ask the owner" in page


def test_an_observation_nothing_rests_on_says_what_to_do(as_alice, quote):
    assert "Nothing rests on it yet" in as_alice.get(f"/trace/observation/{quote.pk}/").content.decode()


@pytest.mark.parametrize(
    "address", ["/trace/nothing/1/", "/trace/run/x/", "/trace/observation/1/", "/trace/step/99999/"]
)
def test_what_is_no_object_is_not_found(as_alice, run, address):
    assert as_alice.get(address).status_code == 404


def test_withdrawn_consent_takes_the_words_out_everywhere(as_alice, as_bob, everywhere, participant):
    participant.consent.withdraw()
    assert shown(as_alice, everywhere) == set()
    assert shown(as_bob, everywhere) == set()


def test_while_few_take_part_the_words_stay_with_the_researchers(as_bob, as_charlie, everywhere):
    assert shown(as_bob, everywhere) == set()
    assert shown(as_charlie, everywhere) == set()


def test_with_enough_people_the_team_reads_them_and_a_stranger_does_not(as_bob, as_charlie, everywhere, crowd):
    assert shown(as_bob, everywhere) == set(everywhere)
    assert shown(as_charlie, everywhere) == set()


def test_an_audience_of_researchers_keeps_them_there(as_bob, everywhere, crowd, participant):
    participant.consents.update(audience="researchers")
    assert shown(as_bob, everywhere) == set()


def test_an_audience_of_the_company_shows_them_to_everybody_who_sees_the_object(
    as_charlie, everywhere, crowd, participant
):
    participant.consents.update(audience="company")
    assert shown(as_charlie, everywhere) == {"map", "ideal map", "evidence", "leaf"}


def test_outside_the_audience_persona_and_study_are_left(as_charlie, everywhere, crowd):
    page = as_charlie.get(everywhere["leaf"]).content.decode()
    assert "ML engineer · study Shipping a model" in page
    assert "P1" not in page


def test_a_released_paraphrase_is_read_in_their_place(as_bob, everywhere, quote, alice):
    from django.utils import timezone

    type(quote).objects.filter(pk=quote.pk).update(paraphrase="Nobody tells them first.", released_at=timezone.now())
    page = as_bob.get(everywhere["map"]).content.decode()
    assert "Nobody tells them first." in page
    assert WORDS not in page


def test_the_run_page_links_each_step_to_its_thread(as_bob, asking, parity):
    page = as_bob.get(f"/runs/{asking.run_id}/evidence/").content.decode()
    assert f"/trace/step/{parity.pk}/" in page
    assert WORDS not in page


def test_somebody_on_the_team_and_not_in_the_study_reaches_no_session(asking, vera, parity):
    page = signed_in(vera).get(f"/trace/step/{parity.pk}/").content.decode()
    assert "/sessions/" not in page
