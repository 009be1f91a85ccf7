"""/api/me/: who the terminal is signed in as, and in which words to speak to them."""

import pytest
from knox.models import AuthToken

from people.models import Persona

pytestmark = pytest.mark.django_db


def ask(client, user):
    return client.get("/api/me/", headers={"Authorization": f"Token {AuthToken.objects.create(user)[1]}"})


def test_it_answers_in_ones_own_words(client, alice):
    Persona.objects.bring()
    alice.persona = Persona.objects.get(slug="app-developer")
    alice.save()
    found = ask(client, alice).json()
    assert (found["username"], found["persona"]) == ("alice", "app-developer")
    assert found["words"]["command"] == "desirepath push ."


def test_without_a_persona_the_words_are_plain(client, alice):
    alice.persona = None
    alice.save()
    found = ask(client, alice).json()
    assert found["persona"] is None
    assert found["words"]["service"] == "service"


def test_nobody_is_asked_to_sign_in(client):
    assert client.get("/api/me/").status_code == 401
