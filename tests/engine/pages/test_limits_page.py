"""How many steps at once: of a team and its targets, and of a template for its champion."""

from engine.models import Limit
from tests.conftest import signed_in
from tests.running import HAND, drained

HERE = "/settings/teams/retention/limits/"


def test_an_engineer_sets_and_lifts_the_teams_and_a_targets(as_bob, team, dummy):
    as_bob.post(HERE, {"at_most": "3"})
    as_bob.post(HERE, {"at_most": "2", "target": "dummy"})
    assert {str(limit) for limit in Limit.objects.all()} == {
        "at most 3 steps of team Retention at once", "at most 2 steps of target dummy at once",
    }  # fmt: skip
    assert 'value="3"' in as_bob.get(HERE).content.decode()
    as_bob.post(HERE, {"at_most": ""})
    assert Limit.objects.get().target == dummy


def test_it_says_what_is_at_work_and_how_many_wait(as_bob, begin, team):
    limit = Limit.objects.create(team=team, at_most=1)
    run = begin(HAND, drain=False)
    run.steps.update(state="running", owner="somebody")
    other = begin(HAND, drain=False)
    other.steps.update(state="waiting", queue=limit.key)
    page = as_bob.get(HERE).content.decode()
    assert '<td data-label="running">1</td>' in page
    assert '<td data-label="queued">1</td>' in page


def test_nonsense_changes_nothing_and_says_so(as_bob, team):
    for wrong in ("0", "-1", "many", "100001"):
        page = as_bob.post(HERE, {"at_most": wrong}, follow=True).content.decode()
        assert "Nothing was changed" in page
    assert not Limit.objects.exists()


def test_a_viewer_looks_and_a_stranger_does_not(as_charlie, team, vera):
    client = signed_in(vera)
    assert "no limit" in client.get(HERE).content.decode()
    assert client.post(HERE, {"at_most": "1"}).status_code == 403
    assert as_charlie.get(HERE).status_code == 404


def test_another_teams_target_is_not_there(as_bob, team):
    assert as_bob.post(HERE, {"at_most": "1", "target": "elsewhere"}).status_code == 404


def test_the_champion_limits_a_template(as_bob, begin, clara):
    drained(begin(HAND))
    client = signed_in(clara)
    assert 'action="/templates/probe/limit/"' in client.get("/templates/probe/").content.decode()
    client.post("/templates/probe/limit/", {"at_most": "5"})
    page = as_bob.get("/templates/probe/").content.decode()
    assert "At most <b>5</b>" in page
    assert 'action="/templates/probe/limit/"' not in page
    assert as_bob.post("/templates/probe/limit/", {"at_most": "6"}).status_code == 403
