"""model.at_least: a figure reaches another."""

import pytest

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("form", "state", "says"),
    [
        ("value: 0.8", "succeeded", "the figure 0.800, the first: nothing to compare with"),
        ("value: 0.8, at_least: 0.8, metric: auc", "succeeded", "auc 0.800, at least 0.800"),
        ("value: 0.79, at_least: 0.8, metric: auc", "failed", "auc 0.790 is below 0.800"),
        ("value: 0.795, at_least: 0.8, margin: 0.01", "succeeded", "the figure 0.795, at least 0.800"),
        ("value: 0.7, at_least: 0.8, margin: 0.01", "failed", "the figure 0.700 is below 0.800, less 0.01"),
        ("value: 1, at_least: 0.9", "succeeded", "the figure 1.000, at least 0.900"),
    ],
)
def test_it_passes_or_says_what_is_missing(step, form, state, says):
    row = step(f"uses: model.at_least, with: {{{form}}}")
    assert (row.state, row.note or row.reason) == (state, says)


def test_without_a_figure_it_is_skipped(step):
    row = step("uses: model.at_least, with: {value: '${{ inputs.at_least }}'}")
    assert (row.state, row.reason) == ("skipped", "needs an at least, which was not given")
