"""PUT /api/research/sessions/N/observations/UUID/: as often as it takes, with one result."""

from datetime import timedelta

import pytest

from people.ids import uuid7
from research.models import Activity, Case, Observation, Session


def put(client, session, pk, **fields):
    body = {"at": 5000, "kind": "does", "participant": 1, "text": "compares by eye", **fields}
    address = f"/api/research/sessions/{session.pk}/observations/{pk}/"
    return client.put(address, body, content_type="application/json")


def test_the_same_entry_twice_is_there_once(as_alice, session):
    pk = uuid7()
    assert [put(as_alice, session, pk).status_code for _ in range(3)] == [201, 200, 200]
    assert Observation.objects.get().text == "compares by eye"


def test_the_higher_revision_wins_in_whatever_order(as_alice, session):
    pk = uuid7()
    put(as_alice, session, pk, revision=3, text="third")
    put(as_alice, session, pk, revision=2, text="second")
    assert Observation.objects.get().text == "third"


def test_what_was_put_right_on_the_server_is_not_overwritten_by_an_old_device(as_alice, session):
    pk = uuid7()
    put(as_alice, session, pk)
    Observation.objects.get().change(text="put right")
    put(as_alice, session, pk, text="as it was")
    assert Observation.objects.get().text == "put right"


def test_an_entry_can_be_taken_back_and_come_back(as_alice, session):
    pk = uuid7()
    put(as_alice, session, pk)
    put(as_alice, session, pk, revision=2, removed=True)
    assert not Observation.objects.exists()
    put(as_alice, session, pk, revision=3)
    assert Observation.objects.exists()


def test_new_words_become_activities_and_cases(as_alice, session, ml):
    put(as_alice, session, uuid7(), activity="Match  features", case="returns")
    put(as_alice, session, uuid7(), activity="match features", case="returns")
    assert Activity.objects.get().key == "match-features"
    assert Case.objects.filter(title="returns").count() == 1


def test_a_name_of_another_session_is_a_conflict(as_alice, session, study, participant):
    pk = uuid7()
    put(as_alice, session, pk)
    other = Session.objects.create(study=study)
    other.participants.add(participant)
    other.begin()
    assert put(as_alice, other, pk).status_code == 409


@pytest.mark.parametrize(
    "wrong",
    [
        {"until": 10},
        {"at": -1},
        {"kind": "dreams"},
        {"participant": 9},
        {"at": 10**15},
        {"activity": "…"},
        {"text": "x" * 10_001},
    ],
)
def test_what_cannot_be_is_refused_in_words(as_alice, session, wrong):
    answer = put(as_alice, session, uuid7(), **wrong)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["detail"]
    assert not Observation.objects.exists()


def test_bob_reads_and_may_not_write(as_bob, session, quote):
    assert put(as_bob, session, uuid7()).status_code == 403
    shown = as_bob.get(f"/api/research/sessions/{session.pk}/observations/").json()
    assert (shown[0]["state"], shown[0]["text"], shown[0]["participant"]) == ("few", "", None)


def test_to_charlie_and_to_strangers_it_does_not_exist(as_charlie, client, session):
    assert put(as_charlie, session, uuid7()).status_code == 404
    assert put(client, session, uuid7()).status_code in (401, 403)


def test_stop_closes_what_was_going_on_and_counts_once(as_alice, session):
    put(as_alice, session, uuid7(), going=True, at=1000)
    address = f"/api/research/sessions/{session.pk}/stop/"
    assert as_alice.post(address, {"at": 9000}, content_type="application/json").status_code == 204
    as_alice.post(address, {"at": 90_000}, content_type="application/json")
    session.refresh_from_db()
    assert session.length == 9000
    assert Observation.objects.get().until == 9000


def test_an_entry_that_comes_after_stop_is_kept(as_alice, session):
    session.stop()
    assert put(as_alice, session, uuid7(), going=True).status_code == 201
    assert not Observation.objects.get().going


def since(client, session, moment):
    address = f"/api/research/sessions/{session.pk}/observations/"
    return client.get(address, {"since": round(moment.timestamp() * 1000)}).json()


def test_what_was_changed_later_comes_to_the_other_devices_too(as_alice, session, participant, ml):
    pk, other = uuid7(), uuid7()
    put(as_alice, session, pk, activity="match features", going=True)
    put(as_alice, session, other)
    for change in (
        lambda: put(as_alice, session, pk, revision=2, text="compares by hand", activity="match features", going=True),
        lambda: Observation.objects.get(pk=pk).change(marked=True),
        lambda: Activity.objects.get().merge_into(Activity.objects.named(ml, "Compare")),
        lambda: Observation.objects.get(pk=pk).remove(),
        lambda: Observation.everything.get(pk=pk).restore(),
        lambda: session.stop(),
    ):
        Observation.everything.update(changed_at=session.started_at)
        before = Observation.everything.get(pk=pk).revision
        change()
        (told,) = since(as_alice, session, session.started_at + timedelta(milliseconds=1))
        assert told["id"] == str(pk)
        assert told["revision"] == before + 1


def test_what_somebody_else_changed_since_it_was_read_is_not_overwritten(as_alice, session):
    pk = uuid7()
    assert put(as_alice, session, pk, base=0).json()["kept"]
    assert put(as_alice, session, pk, base=1, revision=2, text="by hand").json()["kept"]
    late = put(as_alice, session, pk, base=1, revision=3, marked=True)
    assert (late.status_code, late.json()["kept"], late.json()["text"]) == (200, False, "by hand")
    assert Observation.objects.get().text == "by hand"
    assert put(as_alice, session, pk, base=2, revision=4, text="by hand", marked=True).json()["kept"]


def test_the_answer_says_that_another_change_of_the_same_revision_was_first(as_alice, session):
    pk = uuid7()
    put(as_alice, session, pk)
    put(as_alice, session, pk, revision=2, text="by hand")
    answer = put(as_alice, session, pk, revision=2, marked=True).json()
    assert (answer["kept"], answer["text"], answer["marked"]) == (False, "by hand", False)
