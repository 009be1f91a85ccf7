"""/api/limits/: set, look, lift."""

import pytest

from engine.models import Limit
from tests.engine.api.conftest import standard

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("on", "revision")]


@pytest.mark.parametrize(
    ("of", "said"),
    [
        ({"team": "retention"}, "team Retention"),
        ({"target": "dummy"}, "target dummy"),
        ({"template": "probe"}, "template probe"),
    ],
)
def test_it_is_set_replaced_and_lifted(as_alice, as_bob, of, said):
    made = as_alice.put("limits/", {**of, "at_most": 3}).json()
    assert (made["of"], made["at_most"]) == (said, 3)
    assert as_alice.put("limits/", {**of, "at_most": 5}).json() == {**made, "at_most": 5}
    assert as_bob.get("limits/").json() == [{**made, "at_most": 5}]
    standard(as_bob.put("limits/", {**of, "at_most": 1}), 403)
    standard(as_bob.delete(f"limits/{made['id']}/"), 403)
    assert as_alice.delete(f"limits/{made['id']}/").status_code == 204
    assert Limit.objects.count() == 0


def test_others_do_not_see_a_teams_limit(as_alice, as_charlie):
    made = as_alice.put("limits/", {"team": "retention", "at_most": 3}).json()
    assert as_charlie.get("limits/").json() == []
    standard(as_charlie.delete(f"limits/{made['id']}/"), 404)
    standard(as_charlie.put("limits/", {"team": "retention", "at_most": 1}), 404)


def test_it_says_what_may_be_limited(as_alice):
    (error,) = standard(as_alice.put("limits/", {"at_most": 3}), 400)
    assert error["detail"] == "Name a team, a template or a target."
    standard(as_alice.put("limits/", {"team": "retention", "at_most": 0}), 400)
