"""model.evaluate: how good a model is, and whether that is good enough."""

import pytest

from engine.steps.model_evaluate.kind import good_enough
from tests.engine.endpoint import figure, model_file

LEAF = (
    "uses: model.evaluate, with: {model: '${{ inputs.model }}', holdout: '${{ inputs.holdout }}', "
    "label: '${{ inputs.label }}', at_least: '${{ inputs.at_least }}'}"
)


@pytest.mark.parametrize(
    ("value", "high", "baseline", "asked", "expected"),
    [
        (0.50, 0.60, None, False, (True, "nothing live to compare with")),
        (0.80, 0.85, 0.80, True, (True, "at least 0.8")),
        (0.79, 0.85, 0.80, True, (False, "below 0.8")),  # asked for: the value itself decides
        (0.79, 0.85, 0.80, False, (True, "no worse than live at 0.800")),  # live: chance may explain it
        (0.70, 0.75, 0.80, False, (False, "worse than live at 0.800")),
    ],
)
def test_good_enough(value, high, baseline, asked, expected):
    assert good_enough(figure(value, 0.4, high), baseline, asked=asked) == expected


@pytest.fixture
def rows(hand_in):
    return {"model": hand_in(), "holdout": hand_in(b"age,y\n40,1\n", "rows.csv"), "label": "y"}


@pytest.mark.django_db
def test_without_anything_live_it_is_good_enough_and_says_why(step, target, rows):
    target.comes_to("evaluate", figure(0.7, 0.6, 0.8), files={"scores.json": "a" * 64})
    row = step(LEAF, **rows)
    assert row.state == "succeeded", row.reason
    assert (row.outputs["good_enough"], row.outputs["value"], row.outputs["baseline"]) == (True, 0.7, None)
    assert row.note == "auc 0.700 (0.600 to 0.800), nothing live to compare with"


@pytest.mark.django_db
def test_what_is_live_is_measured_on_the_same_rows(step, target, rows, churn, release, hand_in):
    release(1, 100, artefact=hand_in(model_file("1.7.2", "other"))["sha256"])
    target.comes_to("evaluate", figure(0.6, 0.5, 0.65))
    target.comes_to("evaluate-live", figure(0.7, 0.6, 0.8))
    row = step(LEAF, deployment=churn, **rows)
    assert row.state == "succeeded", row.reason
    assert (row.outputs["good_enough"], row.outputs["baseline"]) == (False, 0.7)
    assert row.note.endswith("worse than live at 0.700")


@pytest.mark.django_db
def test_a_figure_that_was_asked_for_decides_alone(step, target, rows, churn, release):
    release(1, 100)
    target.comes_to("evaluate", figure(0.7, 0.6, 0.8))
    row = step(LEAF, deployment=churn, at_least=0.75, **rows)
    assert (row.outputs["good_enough"], row.outputs["why"]) == (False, "below 0.75")
    assert target.started() == ["evaluate"]


@pytest.mark.django_db
def test_without_a_holdout_it_is_skipped_and_says_so(step, hand_in):
    row = step(LEAF, model=hand_in(), label="y")
    assert (row.state, row.reason) == ("skipped", "needs a holdout, which was not given")
