"""/settings/: name, persona and theme."""

import pytest

from people.models import Persona
from people.models.persona import PACKS, plain_words


def test_a_persona_decides_the_words_of_the_bar(as_alice, alice, ml):
    assert b">Live<" in as_alice.get("/settings/").content
    as_alice.post("/settings/", {"first_name": "Alice", "email": "", "persona": ml.pk})
    assert b">Models<" in as_alice.get("/settings/").content


@pytest.mark.parametrize("name", [file.stem for file in PACKS.glob("*.yaml") if file.stem != "plain"])
def test_a_pack_only_says_words_that_the_plain_one_has(name, ml):
    persona = Persona.objects.get(slug=name)
    assert set(persona.words) <= set(plain_words())
    assert set(persona.says()) == set(plain_words())
    assert len(persona.done_criteria) == 4


def test_no_pack_speaks_of_pods(ml):
    said = " ".join(str(persona.says()).lower() for persona in Persona.objects.all())
    assert not any(word in said for word in ("pod", "manifest", "namespace"))


def test_the_theme_is_there_at_the_first_paint(as_alice):
    as_alice.post("/settings/theme/", {"theme": "dark", "next": "/settings/"})
    assert b'data-theme="dark"' in as_alice.get("/settings/").content
    as_alice.post("/settings/theme/", {"theme": ""})
    assert b"data-theme" not in as_alice.get("/settings/").content


def test_the_theme_leads_nowhere_else(as_alice):
    answer = as_alice.post("/settings/theme/", {"theme": "dark", "next": "https://elsewhere.example/"})
    assert answer.url == "/"


def test_an_edited_persona_is_left_alone(ml):
    ml.words = {"live": "Forecasts"}
    ml.save()
    Persona.objects.bring()
    ml.refresh_from_db()
    assert ml.says()["live"] == "Forecasts"
