"""Ways side by side: what is shared stands in one row, and everybody's order is kept."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeys.aligning import Row, align, common, match, plain


def rows(found: list[Row]) -> list[str]:
    """“prove 0 1”: a key and where it stands; – where it does not."""
    return [" ".join([row.key, *("–" if p is None else str(p) for p in row.places)]) for row in found]


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        ([], []),
        ([["a", "b"]], ["a 0", "b 1"]),
        ([["a", "b"], ["a", "b"]], ["a 0 0", "b 1 1"]),
        ([["a", "x", "b"], ["a", "y", "b"]], ["a 0 0", "x 1 –", "y – 1", "b 2 2"]),
        ([["a"], ["b"]], ["a 0 –", "b – 0"]),
        ([["a", "b"], []], ["a 0 –", "b 1 –"]),
        ([[], ["a"]], ["a – 0"]),
        ([["a", "b"], ["b", "a"]], ["a 0 –", "b 1 0", "a – 1"]),
        ([["a", "a", "b"], ["a", "b"]], ["a 0 0", "a 1 –", "b 2 1"]),
        ([["a", "b"], ["b", "c"], ["a", "c"]], ["a 0 – 0", "b 1 0 –", "c – 1 1"]),
        ([["a"], ["b"], ["b", "a"]], ["a 0 – –", "b – 0 0", "a – – 1"]),
    ],
)
def test_shared_steps_stand_in_one_row(columns, told):
    assert rows(align(columns)) == told


KEYS = st.lists(st.sampled_from("abcd"), max_size=7)


@given(st.lists(KEYS, min_size=1, max_size=3))
def test_every_step_stands_once_in_its_personas_order(columns):
    found = align(columns)
    for index, column in enumerate(columns):
        places = [row.places[index] for row in found if row.places[index] is not None]
        assert places == list(range(len(column)))
    assert all(columns[c][p] == row.key for row in found for c, p in enumerate(row.places) if p is not None)


@given(KEYS, KEYS)
def test_what_is_common_keeps_both_orders(one, other):
    found = common(one, other)
    assert all(one[i] == other[j] for i, j in found)
    assert all(a[0] < b[0] and a[1] < b[1] for a, b in pairwise(found))


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        ([["try", "x"], ["y", "try"]], ["try 0 1", "x 1 –", "y – 0"]),
        ([["x", "y"], ["y", "x"]], ["x 0 1", "y 1 0"]),
        ([["x", "x"], ["x"]], ["x 0 0", "x 1 –"]),
    ],
)
def test_what_has_no_order_is_matched_wherever_it_stands(columns, told):
    assert rows(match(columns)) == told


@pytest.mark.parametrize(("one", "other"), [("Ask the owner", "ask owner"), ("Look at it!", "Look at it")])
def test_titles_are_compared_by_their_words(one, other):
    assert plain(one) == plain(other)
