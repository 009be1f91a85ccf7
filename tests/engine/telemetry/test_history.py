"""What changed and when: states and criteria, from what to what, the newest first."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from engine.telemetry.history import changes

NOON = datetime(2026, 3, 3, 12, tzinfo=UTC)


@dataclass
class Said:
    kind: str
    text: str = ""
    data: dict[str, Any] = field(default_factory=dict)
    at: datetime = NOON


def criterion(state: str, reason: str = "", release: int = 1, name: str = "drift") -> Said:
    return Said(
        "criterion.changed",
        f"Drift: {state}. {reason}",
        {"criterion": name, "title": name.capitalize(), "state": state, "reason": reason, "release": release},
    )


@pytest.mark.parametrize(
    ("events", "told"),
    [
        ([], []),
        ([Said("deployment.deployed", "churn 1 answers")], [("", "", "Live", "churn 1 answers", None)]),
        (
            [Said("deployment.deployed", "a"), Said("deployment.done", "b"), Said("deployment.regressed", "c")],
            [("", "Done", "Regressed", "c", None), ("", "Live", "Done", "b", None), ("", "", "Live", "a", None)],
        ),
        (
            [criterion("open", "120 of 200"), criterion("met", "200 of 200")],
            [("Drift", "Not yet", "Met", "200 of 200", 1), ("Drift", "", "Not yet", "120 of 200", 1)],
        ),
        (
            [criterion("open", name="fallback"), criterion("met", name="drift")],
            [("Drift", "", "Met", "", 1), ("Fallback", "", "Not yet", "", 1)],
        ),
        (
            [Said("criterion.changed", "Drift: met. Seen on Monday", {"criterion": "drift", "state": "met"})],
            [("Drift", "", "Met", "Seen on Monday", None)],
        ),
    ],
)
def test_each_change_says_from_what_to_what(events, told):
    found = [(c.title, c.before_word, c.after_word, c.reason, c.release) for c in changes(events)]
    assert found == told


def test_a_new_release_that_says_the_same_says_it_again():
    newest, _ = changes([criterion("met", release=1), criterion("met", release=2)])
    assert newest.again
    assert newest.release == 2


def test_each_says_how_long_it_lasted_and_the_last_one_since_when():
    events = [
        Said("deployment.done", at=NOON),
        criterion("met"),
        Said("deployment.regressed", at=NOON + timedelta(minutes=3)),
    ]
    assert [change.lasted for change in changes(events)] == [None, None, 180]


def test_the_newest_stands_first():
    later = Said("deployment.done", at=NOON + timedelta(minutes=1))
    assert changes([Said("deployment.deployed"), later])[0].at == later.at
