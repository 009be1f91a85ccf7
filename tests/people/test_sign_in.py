"""/accounts/: signing in, and signing up by invitation only."""

import pytest

from people.models import Invitation, User


def test_a_username_or_an_e_mail_signs_in(client, alice):
    alice.email = "alice@example.org"
    alice.save()
    for name in ("alice", "alice@example.org"):
        answer = client.post("/accounts/login/", {"login": name, "password": "walk the grass"})
        assert answer.status_code == 302
        client.logout()


def test_a_wrong_password_says_so(client, alice):
    answer = client.post("/accounts/login/", {"login": "alice", "password": "paved way"})
    assert answer.status_code == 200
    assert b"not correct" in answer.content


@pytest.mark.parametrize("address", ["/", "/studies/", "/settings/", "/search/", "/waiting/", "/new/", "/look/"])
def test_a_stranger_is_sent_to_sign_in(client, db, address):
    answer = client.get(address)
    assert answer.status_code == 302
    assert answer.url.startswith("/accounts/login/")


def test_nobody_signs_up_uninvited(client, db):
    answer = client.get("/accounts/signup/")
    assert b"by invitation" in answer.content
    client.post("/accounts/signup/", {"username": "dora", "password1": "walk the grass"})
    assert not User.objects.filter(username="dora").exists()


def test_an_invitation_lets_one_person_in_and_on_the_team(client, team, ml):
    invitation = Invitation.objects.create(team=team, role="engineer", persona=ml)
    client.get(f"/invitation/{invitation.token}/")
    answer = client.post("/accounts/signup/", {"username": "dora", "password1": "walk the grass"})
    assert answer.status_code == 302, answer.context["form"].errors
    dora = User.objects.get(username="dora")
    assert team.has(dora, "engineer")
    assert dora.persona == ml
    assert client.get(f"/invitation/{invitation.token}/").status_code == 404


def test_every_page_forbids_scripts_that_are_not_files_of_ours(client, db):
    policy = client.get("/accounts/login/").headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
