"""Rates: the field's own test values, and where a rate says nothing."""

import pytest

from lib.statistics import Rate, wilson


@pytest.mark.parametrize(
    ("met", "of", "low", "high"),
    [
        (0, 5, 0, 43.4),
        (1, 5, 3.6, 62.4),
        (3, 8, 13.7, 69.4),
        (9, 10, 59.6, 98.2),
        (30, 40, 59.8, 85.8),
        (5, 5, 56.6, 100),
        (0, 0, 0, 100),
    ],
)
def test_wilsons_interval_is_the_fields(met, of, low, high):
    found = wilson(met, of)
    assert [round(bound * 100, 1) for bound in found] == [low, high]


@pytest.mark.parametrize(("met", "of", "few"), [(0, 0, True), (3, 4, True), (3, 5, False), (30, 40, False)])
def test_below_five_it_is_too_few_for_a_rate(met, of, few):
    assert Rate(met, of).few is few


def test_it_is_read_in_whole_per_cents():
    assert Rate(30, 40).percent == (75, 60, 86)
    assert Rate(0, 0).share == 0
