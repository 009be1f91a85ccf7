"""Two devices at the same moment, each in a thread with a connection of its own; on PostgreSQL they truly overlap."""

import threading
from functools import partial
from typing import Any

import pytest
from django.db import connection

from people.ids import uuid7
from research import api
from research.models import Observation, Session
from tests.conftest import signed_in
from tests.engine.runs.test_at_once import waits_for_a_lock
from tests.research.test_entries import put
from tests.waiting import until

pytestmark = pytest.mark.django_db(transaction=True)


class Late:
    """Does what it stands for once `meanwhile` is done, or waits for us: so it is the one that read first."""

    def __init__(self, real: Any, meanwhile: Any) -> None:
        self.real, self.other, self.begun = real, threading.Thread(target=self.body, args=[meanwhile]), False
        self.answer: Any = None

    def body(self, meanwhile: Any) -> None:
        try:
            self.answer = meanwhile()
        finally:
            connection.close()

    def __call__(self, *given: Any) -> Any:
        if not self.begun:
            self.begun = True
            self.other.start()
            until(lambda: not self.other.is_alive() or waits_for_a_lock())
        return self.real(*given)


@pytest.mark.parametrize("known", [False, True])
def test_of_two_revisions_of_one_entry_at_once_the_higher_is_kept(alice, session, monkeypatch, known):
    pk = uuid7()
    if known:
        put(signed_in(alice), session, pk)
    late = Late(api.fill, partial(put, signed_in(alice), session, pk, revision=3, text="third"))
    monkeypatch.setattr(api, "fill", late)
    assert put(signed_in(alice), session, pk, revision=2, text="second").json()["kept"]
    late.other.join(240)
    assert (late.answer.status_code, late.answer.json()["kept"]) == (200, True)
    assert Observation.objects.get().text == "third"


def test_nothing_goes_on_that_comes_while_the_session_is_stopped(alice, session, monkeypatch):
    late = Late(api.fill, Session.objects.get().stop)
    monkeypatch.setattr(api, "fill", late)
    assert put(signed_in(alice), session, uuid7(), going=True).status_code == 201
    late.other.join(240)
    session.refresh_from_db()
    one = Observation.objects.get()
    assert session.ended_at
    assert (one.going, one.until is None) == (False, False)


def test_an_entry_that_was_asked_for_before_stop_and_comes_after_it_does_not_go_on(alice, session, monkeypatch):
    valid = api.EntrySerializer.is_valid

    def stopped_meanwhile(*given: Any, **options: Any) -> bool:
        Session.objects.get().stop()
        return valid(*given, **options)

    monkeypatch.setattr(api.EntrySerializer, "is_valid", stopped_meanwhile)
    assert put(signed_in(alice), session, uuid7(), going=True).status_code == 201
    assert not Observation.objects.get().going


def test_stop_from_two_devices_stands_as_it_was_said_first(session):
    one, other = Session.objects.get(), Session.objects.get()
    one.stop()
    other.stop()
    session.refresh_from_db()
    assert session.ended_at == one.ended_at == other.ended_at
