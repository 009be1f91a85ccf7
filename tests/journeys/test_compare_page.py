"""/journeys/J/compare/: the same job across personas, what they share and what done means to each."""

from journeys.actions.import_ideal import ImportIdeal
from journeys.models import Journey
from tests.thread import APP


def column(page: str, title: str) -> str:
    """The row of the table that a step stands in."""
    return next(row for row in page.split("<tr")[1:] if f"<b>{title}</b>" in row)


def test_shared_steps_stand_in_one_row_and_own_ones_in_their_column(as_bob, ideal, app):
    page = " ".join(as_bob.get("/journeys/ship/compare/").content.decode().split())
    assert "Somebody says yes" in column(page, "Ask the owner")  # both kinds are for asking
    assert "<b>Say yes</b>" in column(page, "Ask the owner")
    assert page.count("Called the same") == 2  # two commands and two confirmations by hand that are called the same
    assert "<b>" not in column(page, "Build it").replace("<b>Build it</b>", "")
    assert "2 steps are shared; 1 is ML engineers’ own; 2 are app developers’ own." in page


def test_what_done_means_is_shared_or_own(as_bob, ideal, app):
    page = as_bob.get("/journeys/ship/compare/").content.decode().partition("What done means")[2]
    shared = next(row for row in page.split("<tr")[1:] if "Drift is watched!" in row)
    assert shared.count("Drift is watched") == 2
    assert page.index("Drift is watched") < page.index("It answers")


def test_it_says_which_map_is_compared(as_bob, current, app):
    page = " ".join(as_bob.get("/journeys/push/compare/?with=ship").content.decode().split())
    assert "ideal map" in page
    assert "current map, as there is no ideal one" in page
    assert "9 min" in page  # the median of what was timed
    assert "nobody seen yet" in page


def test_the_chooser_takes_journeys_of_other_personas_alone(as_bob, ideal, app):
    sibling = Journey.objects.create(persona=app.persona, slug="hotfix", title="A fix in a hurry")
    ImportIdeal(sibling, APP.replace("push-it", "fix-it")).execute()
    page = as_bob.get("/journeys/push/compare/").content.decode()
    assert "A fix in a hurry" not in page
    both = as_bob.get("/journeys/ship/compare/?with=push&with=hotfix&with=nobodys").content.decode()
    assert "ways-3" in both
    assert both.count("checked") == 2
    assert "ways-2" in as_bob.get("/journeys/ship/compare/").content.decode()  # one of each persona


def test_alone_it_says_whom_to_watch_next(as_bob, ideal):
    page = as_bob.get("/journeys/ship/compare/").content.decode()
    assert "Only ML engineers have a map" in page
    assert "/studies/" in page


def test_without_a_map_it_says_what_to_do_first(as_bob, ideal, app):
    empty = Journey.objects.create(persona=app.persona, slug="empty", title="Nothing drawn")
    page = as_bob.get(f"/journeys/{empty.slug}/compare/").content.decode()
    assert "This journey has no map yet" in page
    assert "/journeys/empty/compare/" not in as_bob.get("/journeys/empty/").content.decode()
    assert "/journeys/ship/compare/" in as_bob.get("/journeys/ship/").content.decode()
