"""model.inspect: looked at before anything opens it, then opened where it can do no harm."""

import os
import pickle

import pytest

from tests.engine.endpoint import model_file

pytestmark = pytest.mark.django_db

LEAF = "uses: model.inspect, with: {model: '${{ inputs.model }}'}"
FOUND = {
    "task": "classification", "estimator": "sklearn.linear_model.LogisticRegression", "sklearn_version": "1.7.2",
    "features": [{"name": "age", "type": "number"}], "sample_row": {"age": 40}, "steps": [], "classes": [0, 1],
}  # fmt: skip


class Evil:
    def __reduce__(self):
        return os.system, ("true",)


def test_what_is_in_it_becomes_outputs_and_the_file_is_passed_on(step, target, hand_in):
    target.comes_to("inspect", FOUND)
    model = hand_in()
    row = step(LEAF, model=model)
    assert row.state == "succeeded", row.reason
    assert row.outputs["model"] == model
    assert {name: row.outputs[name] for name in FOUND} == FOUND
    assert row.note == "sklearn.linear_model.LogisticRegression, 1 columns, scikit-learn 1.7.2"


def test_it_is_opened_in_the_scikit_learn_it_was_made_with_in_an_environment_built_from_nothing(step, target, hand_in):
    target.comes_to("inspect", FOUND)
    step(LEAF, model=hand_in(model_file("1.5.2")))
    (work,) = target.workloads.values()
    assert "scikit-learn==1.5.2" in work.environment.requirements
    assert work.env == {"PYTHONPATH": "{runtimes}"}


def test_the_same_file_is_looked_at_once(step, target, hand_in):
    target.comes_to("inspect", FOUND)
    model = hand_in()
    first, second = step(LEAF, model=model), step(LEAF, model=model)
    assert first.outputs == second.outputs
    assert target.started() == ["inspect"]
    assert second.events.filter(kind="step.log", text__startswith="Reused the result").count() == 1


def test_what_runs_a_command_is_refused_and_nothing_is_started(step, target, hand_in):
    row = step(LEAF, model=hand_in(pickle.dumps(Evil())))
    assert row.state == "failed"
    assert "It was not opened" in row.reason
    assert target.calls == []
