"""features.parity: the columns the model was trained on and those it will be given are the same."""

import pytest

pytestmark = pytest.mark.django_db

LEAF = (
    "uses: features.parity, with: {model: '${{ inputs.model }}', data: '${{ inputs.holdout }}', "
    "label: '${{ inputs.label }}'}"
)


def found(ok=True, failures=(), warnings=()):
    columns = ["age", "sex"]
    return {"ok": ok, "columns_expected": columns, "failures": list(failures), "warnings": list(warnings)}


@pytest.fixture
def rows(hand_in):
    return {"model": hand_in(), "holdout": hand_in(b"age,sex,y\n40,f,1\n", "rows.csv"), "label": "y"}


def test_it_counts_the_columns_and_logs_the_warnings(step, target, rows):
    target.comes_to("parity", found(warnings=["age has moved"]))
    row = step(LEAF, **rows)
    assert row.state == "succeeded", row.reason
    assert row.outputs == {"warnings": ["age has moved"], "columns": 2}
    assert row.note == "2 of 2 columns, 1 warning"
    assert list(row.events.filter(kind="step.log").values_list("text", flat=True))[-1] == "age has moved"


def test_columns_that_do_not_match_are_named(step, target, rows):
    target.comes_to("parity", found(False, ["sex is missing", "bmi is not known"]))
    row = step(LEAF, **rows)
    assert row.state == "failed"
    assert row.reason == ("The columns do not match what the model was trained on: sex is missing; bmi is not known")


def test_without_data_it_is_skipped(step, hand_in):
    assert step(LEAF, model=hand_in()).reason == "needs a holdout, which was not given"
