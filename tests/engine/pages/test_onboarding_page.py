"""What somebody is told before they start: each step in their words, what it took the people who were watched."""

import pytest

from engine.models import Revision, Template
from engine.views.onboarding import onboarding
from engine.views.watched import Watched
from people.models import Persona
from people.models.persona import shipped
from server import starters


@pytest.mark.parametrize(
    ("seen", "words"),
    [
        (Watched(0, 0, 0), "nobody was observed doing this"),
        (Watched(2, 6, 9), "observed, never timed"),
        (Watched(1, 6, 1, times=(540,)), "timed once: 9 min"),
        (Watched(2, 6, 2, times=(540, 60)), "timed twice: 60 s to 9 min"),
        (Watched(2, 6, 2, times=(540, 540, 541)), "timed three times: 9 min"),
        (Watched(5, 6, 9, times=(540, 60, 600, 120, 3600)), "took people a median of 9 min (n 5)"),
    ],
)
def test_a_few_times_are_no_median(seen, words):
    assert seen.in_words == words


def starter(persona: str) -> Revision:
    starters.bring()
    found = Template.objects.get(starter=True, persona__slug=persona).published
    assert found
    return found


@pytest.mark.parametrize("persona", shipped())
def test_each_starter_is_told_in_its_personas_words(ml, persona):
    revision = starter(persona)
    told = onboarding(revision)
    assert told.have == Persona.objects.get(slug=persona).says()["have"]
    assert [line.title for line in told.lines] == [leaf.name for leaf in revision.parsed.flow.leaves()]
    assert all(line.does for line in told.lines)
    assert [title for title, _ in told.done] == [leaf.name for leaf in revision.parsed.done]
    assert not told.watched  # nobody was: nothing is said of it


def test_what_was_dropped_stands_in_the_text(ml):
    told = onboarding(starter("ml-engineer"), "churn.pkl")
    assert told.have == "You have churn.pkl"
    assert told.lines[0].does.startswith("Reads churn.pkl before opening it")


def test_a_step_that_lacks_an_optional_input_says_so(ml):
    lines = {line.title: line for line in onboarding(starter("ml-engineer")).lines}
    assert lines["Measure"].aside == "skipped without a holdout or a label"
    assert lines["Measure"].where == ("at the same time",)
    assert lines["Ask the owner"].sign == "crossing"
    assert lines["Go back"].maybe


def test_it_says_what_it_took_the_people_who_were_watched(as_bob, revision):
    seen = {line.title: line.watched.in_words for line in onboarding(revision).lines if line.watched}
    assert seen["Match features"] == "timed once: 9 min"
    assert seen["Ask the owner"] == "nobody was observed doing this"
    page = as_bob.get("/templates/ship-it/start/").content.decode()
    assert "timed once: 9 min" in page
    assert "Done, as ML engineers define it" in page
