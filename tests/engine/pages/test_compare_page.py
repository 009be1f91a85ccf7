"""/runs/A/compare/B/: what differs, where it began, and the times side by side."""

import re

from tests.running import HAND, UNDONE, drained


def pair(begin, alice):
    before = begin(UNDONE, "rows: {type: integer}", rows=3)
    before.steps.get(leaf="a").confirm(alice, {}, "as ever")
    before = drained(before)
    return before, begin(UNDONE, "rows: {type: integer}", rows=4)


def test_it_names_the_first_step_that_went_another_way(as_bob, begin, alice):
    before, after = pair(begin, alice)
    page = as_bob.get(f"/runs/{after.pk}/compare/{before.pk}/").content.decode()
    assert "The first step that went another way: <b>Take it out</b>" in page
    assert re.search(r"<td>3</td>\s*<td>4</td>", page)  # the input
    assert "Times side by side" in page
    assert "Waiting" in page


def test_steps_that_only_the_other_has_are_named_as_they_are_there(as_bob, begin, alice):
    before, _ = pair(begin, alice)
    other = begin(HAND, "rows: {type: integer}", rows=3)
    page = as_bob.get(f"/runs/{other.pk}/compare/{before.pk}/").content.decode()
    assert f"Run {before.pk} never came to it" in page
    assert "<b>Take it out</b>" in page


def test_two_equal_runs_say_that_nothing_differs(as_bob, begin):
    one, other = begin(HAND), begin(HAND)
    assert "Nothing differs" in as_bob.get(f"/runs/{one.pk}/compare/{other.pk}/").content.decode()


def test_the_run_page_offers_earlier_runs_the_last_good_one_first(as_bob, begin, alice):
    good = begin(HAND)
    good.steps.get().confirm(alice)
    drained(good)
    newer = begin(HAND)
    last = begin(HAND)
    page = as_bob.get(f"/runs/{last.pk}/").content.decode()
    assert 0 < page.index(f"/compare/{good.pk}/") < page.index(f"/compare/{newer.pk}/")
    assert f"/compare/{last.pk}/" not in page


def test_it_takes_both_to_be_seen(as_bob, as_charlie, begin, charlie):
    from engine.models import Run, Target
    from people.models import Team

    mine = begin(HAND)
    theirs = Team.objects.create(name="Other", slug="other")
    theirs.add(charlie, "engineer")
    target = Target.objects.create(team=theirs, name="dummy", kind="dummy")
    other = Run.objects.create(revision=mine.revision, team=theirs, target=target)
    assert as_bob.get(f"/runs/{mine.pk}/compare/{other.pk}/").status_code == 404
    assert as_charlie.get(f"/runs/{other.pk}/compare/{mine.pk}/").status_code == 404
