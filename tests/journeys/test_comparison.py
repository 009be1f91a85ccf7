"""Ways side by side: what is shared stands in one row, and everybody's order is kept."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeys.comparison import AlignedRow, ComparedStep, align, common, match, plain


def stops(columns: list[list[str]]) -> list[list[ComparedStep]]:
    """Of “ask” a step for asking, of “=Look” a step without a purpose that is called so."""
    return [
        [ComparedStep("", key[1:]) if key.startswith("=") else ComparedStep(key, f"{key} {width}") for key in column]
        for width, column in enumerate(columns)
    ]


def told(columns: list[list[str]], found: list[AlignedRow]) -> list[str]:
    """“prove 0 1”: a key and where it stands; – where it does not."""
    return [
        " ".join([next(columns[c][p] for c, p in enumerate(row.places) if p is not None), *map(_place, row.places)])
        for row in found
    ]


def _place(place: int | None) -> str:
    return "–" if place is None else str(place)


@pytest.mark.parametrize(
    ("columns", "rows"),
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
        ([["=Look at it"], ["x", "=look at IT!"]], ["x – 0", "=Look at it 0 1"]),
        ([["ask"], ["=ask 0"]], ["ask 0 0"]),  # one has no purpose: what they are called decides
        ([["ask"], ["=ask 9"]], ["ask 0 –", "=ask 9 – 0"]),
        ([["a"], ["b"], ["b", "a"]], ["a 0 – –", "b – 0 0", "a – – 1"]),
    ],
)
def test_shared_steps_stand_in_one_row(columns, rows):
    assert told(columns, align(stops(columns))) == rows


KEYS = st.lists(st.sampled_from("abcd"), max_size=7)


@given(st.lists(KEYS, min_size=1, max_size=3))
def test_every_step_stands_once_in_its_personas_order(columns):
    found = align(stops(columns))
    for index, column in enumerate(columns):
        places = [row.places[index] for row in found if row.places[index] is not None]
        assert places == list(range(len(column)))
    for row in found:
        assert len({columns[c][p] for c, p in enumerate(row.places) if p is not None}) == 1


@given(KEYS, KEYS)
def test_what_is_common_keeps_both_orders(one, other):
    found = common(len(one), len(other), lambda i, j: one[i] == other[j])
    assert all(one[i] == other[j] for i, j in found)
    assert all(a[0] < b[0] and a[1] < b[1] for a, b in pairwise(found))


@pytest.mark.parametrize(
    ("columns", "rows"),
    [
        ([["try", "x"], ["y", "try"]], ["try 0 1", "x 1 –", "y – 0"]),
        ([["x", "y"], ["y", "x"]], ["x 0 1", "y 1 0"]),
        ([["x", "x"], ["x"]], ["x 0 0", "x 1 –"]),
    ],
)
def test_what_has_no_order_is_matched_wherever_it_stands(columns, rows):
    assert told(columns, match(stops(columns))) == rows


@pytest.mark.parametrize(("one", "other"), [("Ask the owner", "ask owner"), ("Look at it!", "Look at it")])
def test_titles_are_compared_by_their_words(one, other):
    assert plain(one) == plain(other)
