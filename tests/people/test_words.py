"""Word packs: each whole, and brought up to date where nobody has changed a word."""

import pytest

from people.models import Persona
from people.models.persona import pack, plain_words, shipped, up_to_date


@pytest.mark.parametrize("slug", shipped())
def test_a_pack_replaces_plain_words_and_adds_none(slug):
    assert set(pack(slug)["words"]) <= set(plain_words())
    assert set(pack(slug)) <= {"name", "plural", "incentives", "done", "words", "own", "before"}
    assert pack(slug)["own"]


@pytest.mark.parametrize("slug", shipped())
def test_no_pack_says_anothers_own_words(slug):
    others = [word.lower() for other in shipped() if other != slug for word in pack(other)["own"]]
    said = " ".join(pack(slug)["words"].values()).lower().split()
    assert [word for word in others if word in said] == []


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ({"have": "old", "live": "Mine"}, {"have": "new", "live": "Mine", "drop": "a zip"}),
        ({"have": "edited"}, {"have": "edited", "live": "Live", "drop": "a zip"}),
        ({}, {"have": "new", "live": "Live", "drop": "a zip"}),
    ],
)
def test_words_that_were_shipped_once_give_way_and_edited_ones_stay(words, told):
    now = {"have": "new", "live": "Live", "drop": "a zip"}
    assert up_to_date(words, now, {"have": ["old"]}) == told


def test_an_older_home_reads_the_new_words(ml):
    Persona.objects.filter(slug="app-developer").update(
        words={**pack("app-developer")["words"], "have": "You have a folder and a way to release it", "live": "Apps"}
    )
    Persona.objects.bring()
    words = Persona.objects.get(slug="app-developer").words
    assert (words["have"], words["live"]) == ("You have a folder with a Procfile", "Apps")
