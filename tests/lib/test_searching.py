"""Text as tokens: tables, and what holds for every text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.searching import LONGEST, query, tokens


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("From a Model to Production!", ["from", "a", "model", "to", "production"]),
        ("on-call, v1.2", ["on", "call", "v1", "2"]),
        ("Étude STRASSE Straße", ["etude", "strasse", "strasse"]),
        ("Йод", ["иод"]),
        ("模型评估 v2", ["模", "型", "评", "估", "v2"]),
        ("नमूना", ["नमूना"]),
        ("تَقْيِيم", ["تقييم"]),
        ("🎉 _t1", ["t1"]),
        ("", []),
    ],
)
def test_a_text_has_tokens(text, made):
    assert tokens(text) == made


def test_a_query_is_phrases_and_what_ends_in_a_digit_is_whole():
    assert query("on-call 模型 7") == [(["on", "call"], True), (["模", "型"], True), (["7"], False)]


@given(st.text())
def test_tokens_are_safe_to_write_into_a_query(text):
    for token in tokens(text):
        assert 0 < len(token) <= LONGEST
        assert not set(token) & set(" _'\"\\:*&|!()<>-\0")


@given(st.text(), st.text())
def test_tokens_of_two_texts_are_those_of_both(one, other):
    assert tokens(f"{one} {other}") == tokens(one) + tokens(other)
