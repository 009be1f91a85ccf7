"""Names in any script: tables of what people write, and what holds for every text."""

import re
import unicodedata

import pytest
from django.utils.text import slugify
from hypothesis import example, given
from hypothesis import strategies as st

from lib import names

KEYS = {
    "Open the file": "open-the-file",
    "Don't deploy_it, yet!": "dont-deploy_it-yet",
    "模型评估": "模型评估",
    "模型、评估": "模型-评估",
    "Исследование рынка": "исследование-рынка",
    "تقييم النموذج": "تقييم-النموذج",
    "नमूना": "नमूना",
    "Café": "café",
    "ΣΊΣΥΦΟΣ": "σίσυφος",
    "Straße": "straße",
    "ＡＢＣ１": "abc1",  # wide letters
    "می‌خواهم": "میخواهم",  # a joiner inside a word
    "İstanbul": "i̇stanbul",
    "  -- a -- ": "a",
    "half ½": "half-1-2",
    "1️⃣": "1\u20e3",
    "🎉🎉": "",
    "❤️": "",
    "—…!?": "",
    "": "",
    "\u0301": "",
}


@pytest.mark.parametrize(("text", "made"), KEYS.items())
def test_a_name_has_a_key(text, made):
    assert names.key(text, 80) == made


@pytest.mark.parametrize(
    ("one", "other"),
    [("МОДЕЛЬ", "модель"), ("e\u0301tude", "Étude"), ("ﬁle", "FILE"), ("模型\u3000评估", "模型 评估"), ("각", "각")],
)
def test_case_and_normal_form_make_no_difference(one, other):
    assert names.key(one, 80) == names.key(other, 80)


def test_a_cut_leaves_a_letter_its_marks():
    assert names.key("न" + "मू" * 40, 4) == "नमू"  # the fourth character would have lost its vowel
    assert len(names.key("字" * 3000, 40)) == 40
    assert names.key("a" + "\u0323" * 3000, 40) == ""


@pytest.mark.parametrize("text", ["模型评估", "नमूना", "a--b-", "Team_1", "1-x"])
def test_keys_of_today_and_of_any_script_can_be_looked_up(text):
    assert names.is_key(text, 40)


@pytest.mark.parametrize("text", ["", "a b", "a/b", "🎉", "\u0301a", "e\u0301", "a" * 41, "a\x00", "‮ab", "a.b"])
def test_other_text_cannot(text):
    assert not names.is_key(text, 40)


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("churn", "churn"),
        ("a--b-", "a--b-"),
        ("2-reviews", "2-reviews"),
        ("商店", r"n[0-9a-f]{10}"),
        ("café", r"cafe-[0-9a-f]{10}"),
        ("2-模型", r"n-2-[0-9a-f]{10}"),
        ("a_b", r"a-b-[0-9a-f]{10}"),
        ("a" * 80, r"a{50}-[0-9a-f]{10}"),
    ],
)
def test_a_key_has_a_safe_form(text, made):
    assert re.fullmatch(made, names.safe(text))


@given(st.text(), st.integers(16, 80))
@example("e\u0301" * 60, 40)
@example("ϓ́", 40)
@example("\U0001e030", 40)
def test_a_key_is_its_own_key(text, longest):
    made = names.key(text, longest)
    assert len(made) <= longest
    assert names.key(made, longest) == made
    assert not made or names.is_key(made, longest)
    assert "--" not in made
    assert made == made.strip("-_")


@given(st.text(st.characters(codec="ascii")))
def test_ascii_text_has_the_key_it_always_had(text):
    assert names.key(text, 10_000) == slugify(text)


@given(st.text(min_size=1), st.integers(16, 80))
def test_a_safe_form_is_plain(text, longest):
    made = names.safe(text, longest)
    assert re.fullmatch("[a-z0-9-]+", made)
    assert len(made) <= longest
    assert names.safe(made, longest) == made


@given(st.lists(st.text(min_size=1).map(lambda text: names.key(text, 40)).filter(bool), unique=True))
def test_two_keys_have_two_safe_forms(keys):
    assert len({names.safe(key) for key in keys}) == len(keys)


@given(st.text())
def test_a_cut_never_takes_a_mark_from_its_letter(text):
    whole = names.key(text, 10_000)
    for longest in range(len(whole)):
        made = names.key(text, longest)
        rest = whole[len(made) :]
        assert whole.startswith(made)
        assert not rest or unicodedata.category(rest[0])[0] != "M"
