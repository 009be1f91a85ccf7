"""/login/terminal/: how `desirepath login` gets its token."""

from urllib.parse import parse_qs, urlsplit

import pytest
from knox.models import AuthToken

ASK = {"code": "k3Jx-92mQ", "port": 40123}


def test_it_asks_before_it_hands_out_a_token(as_alice):
    answer = as_alice.get("/login/terminal/", ASK)
    assert b"k3Jx-92mQ" in answer.content
    assert not AuthToken.objects.exists()


def test_it_sends_the_token_to_this_machine_with_the_code(as_alice, alice, client):
    answer = as_alice.post("/login/terminal/", ASK)
    target = urlsplit(answer.url)
    assert (target.scheme, target.netloc, target.path) == ("http", "127.0.0.1:40123", "/")
    given = parse_qs(target.query)
    assert given["code"] == ["k3Jx-92mQ"]
    assert AuthToken.objects.get().user == alice


@pytest.mark.parametrize("wrong", [{}, {"code": "k3Jx-92mQ"}, {**ASK, "port": 80}, {**ASK, "code": "<script>"}])
def test_an_incomplete_link_hands_out_nothing(as_alice, wrong):
    assert as_alice.post("/login/terminal/", wrong).status_code == 400
    assert not AuthToken.objects.exists()


def test_a_stranger_signs_in_first(client, db):
    assert client.get("/login/terminal/", ASK).url.startswith("/accounts/login/")


def test_a_token_opens_the_api_until_it_is_revoked(as_alice, alice, client, session):
    token = parse_qs(urlsplit(as_alice.post("/login/terminal/", ASK).url).query)["token"][0]
    address = f"/api/research/sessions/{session.pk}/observations/"
    assert client.get(address, headers={"Authorization": f"Token {token}"}).status_code == 200
    key = AuthToken.objects.get().token_key
    assert key.encode() in as_alice.get("/settings/").content
    as_alice.post(f"/settings/tokens/{key}/revoke/")
    assert client.get(address, headers={"Authorization": f"Token {token}"}).status_code == 401


def test_nobody_revokes_the_token_of_another(as_alice, as_charlie):
    as_alice.post("/login/terminal/", ASK)
    key = AuthToken.objects.get().token_key
    assert as_charlie.post(f"/settings/tokens/{key}/revoke/").status_code == 404
