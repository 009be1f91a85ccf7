"""What a step asks and what it was answered, as values and as the JSON of its row."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.outcomes import Answer, Asking, Needs, groups_of

WORDS = st.text(min_size=1, max_size=12)
NEEDS = st.builds(
    Needs, st.dictionaries(WORDS, WORDS, max_size=3), st.lists(WORDS, max_size=3).map(tuple),
    st.lists(WORDS, max_size=3).map(tuple), st.integers(1, 20), st.lists(WORDS, max_size=2).map(tuple),
    st.sampled_from(["", "fail", "approve", "skip"]),
)  # fmt: skip
ASKING = st.builds(
    Asking, st.text(max_size=20), st.lists(WORDS, min_size=1, max_size=3).map(tuple),
    st.sampled_from(["confirm", "approve", "decide"]), NEEDS, st.none() | st.floats(1, 2e9),
)  # fmt: skip


@given(ASKING)
def test_what_is_asked_is_read_back_equal(asking: Asking) -> None:
    assert Asking.read(asking.stored()) == asking


@given(st.builds(Answer, WORDS, WORDS, st.dictionaries(WORDS, st.integers(), max_size=3), st.text(max_size=9)))
def test_an_answer_is_read_back_equal(answer: Answer) -> None:
    assert Answer.read(answer.stored()) == answer


@pytest.mark.parametrize(
    ("stored", "by", "needs"),
    [
        ({"question": "Sure?", "by": "champion", "verb": "approve", "needs": {"quorum": 2, "not": ["bob"]}},
         ("champion",), Needs(quorum=2, barred=("bob",))),
        ({"question": "Sure?", "by": ["champion", "team"], "verb": "confirm", "needs": {"outputs": {"model": "model"}}},
         ("champion", "team"), Needs(outputs={"model": "model"})),
        ({"question": "Sure?"}, ("team",), Needs()),
        ({"question": "Sure?", "by": []}, ("nobody",), Needs()),
    ],
)  # fmt: skip
def test_rows_of_older_versions_are_read(stored: dict[str, Any], by: tuple[str, ...], needs: Needs) -> None:
    read = Asking.read(stored)
    assert (read.by, read.needs) == (by, needs)


@pytest.mark.parametrize(
    ("written", "groups"),
    [("champion", ("champion",)), (["a", "b"], ("a", "b")), (None, ("team",)), ("", ("team",)), ([], ("team",))],
)
def test_who_may_answer_is_one_name_or_several(written: Any, groups: tuple[str, ...]) -> None:
    assert groups_of(written) == groups
