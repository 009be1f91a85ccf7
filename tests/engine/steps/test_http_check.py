"""http.check: an address answers as it should."""

import pytest

pytestmark = pytest.mark.django_db


def test_it_succeeds_with_status_and_time(step, target):
    row = step(f"uses: http.check, with: {{url: '{target.address}/', contains: predictions}}")
    assert row.state == "succeeded"
    assert row.outputs["status"] == 200
    assert row.outputs["milliseconds"] > 0


@pytest.mark.parametrize(
    ("more", "reason"),
    [("status: 404", "answered 200, not 404"), ("contains: welcome", "answered 200, but without “welcome”")],
)
def test_what_is_not_as_it_should_be_is_said(step, target, more, reason):
    row = step(f"uses: http.check, with: {{url: '{target.address}/', {more}}}")
    assert row.state == "failed"
    assert row.reason.endswith(reason)


def test_nobody_there_is_said_and_can_be_tried_again(step):
    row = step(
        "uses: http.check, with: {url: 'http://127.0.0.1:9/', within: 1}, retries: {temporary: 1, timeout: 1, wait: 60}"
    )
    assert row.state == "waiting"  # for its second attempt
    assert "did not answer within 1 s" in row.reason
