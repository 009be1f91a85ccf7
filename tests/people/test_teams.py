"""/settings/teams/: members, roles, invitations."""

from people.models import Invitation, Team


def test_bob_sees_his_team_and_cannot_change_it(as_bob, team):
    assert as_bob.get("/settings/teams/retention/").status_code == 200
    assert as_bob.post("/settings/teams/retention/invite/", {"role": "admin"}).status_code == 403
    assert as_bob.post("/settings/teams/retention/", {"username": "charlie", "role": "admin"}).status_code == 403


def test_to_charlie_it_does_not_exist(as_charlie, team):
    assert as_charlie.get("/settings/teams/retention/").status_code == 404


def test_an_admin_adds_somebody_who_is_here(as_alice, team, charlie):
    as_alice.post("/settings/teams/retention/", {"username": "charlie", "role": "viewer"})
    assert team.has(charlie, "viewer")


def test_an_admin_makes_a_link(as_alice, team):
    as_alice.post("/settings/teams/retention/invite/", {"role": "engineer"})
    link = Invitation.objects.get()
    assert link.token.encode() in as_alice.get("/settings/teams/retention/").content


def test_the_last_admin_stays(as_alice, team, alice):
    last = team.memberships.get(role="admin")
    as_alice.post(f"/settings/teams/retention/members/{last.pk}/remove/")
    assert team.has(alice, "admin")


def test_an_admin_makes_another_team(as_alice, team, alice):
    as_alice.post("/settings/teams/new/", {"name": "Fraud desk"})
    assert Team.objects.get(slug="fraud-desk").has(alice, "admin")


def test_the_page_of_a_new_team_leads_back(as_alice):
    page = as_alice.get("/settings/teams/new/").content.decode()
    assert '<a href="/settings/">' in page
    assert 'href="None"' not in page
