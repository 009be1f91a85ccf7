"""Pause and continue on a run's page, and what holds a step up."""

from django.utils import timezone

from engine.models import Limit, Run
from engine.models.heartbeat import EngineHeartbeat
from engine.runs import transitions
from engine.statuses import StepState
from tests.conftest import signed_in
from tests.running import HAND, MUTEX, drained


def text(client, run) -> str:
    return str(client.get(f"/runs/{run.pk}/").content.decode())


def test_an_engineer_pauses_and_continues(as_bob, begin):
    run = begin(HAND)
    as_bob.post(f"/runs/{run.pk}/pause/")
    page = text(as_bob, run)
    assert "Paused: nothing new begins" in page
    assert 'id="run-continue"' in page
    assert 'id="run-pause"' not in page
    as_bob.post(f"/runs/{run.pk}/continue/")
    assert Run.objects.get().state == "running"


def test_a_step_behind_a_pause_says_so(as_bob, begin):
    run = begin(HAND, drain=False)
    transitions.pause(run, None)
    assert "waits: the run is paused" in text(as_bob, run)
    assert "waits: the run is paused" in text(as_bob, drained(run))


def test_a_step_that_no_engine_takes_up_says_so(as_bob, begin):
    run = begin(HAND, drain=False)
    step = run.steps.get(state=StepState.READY)
    addresses = (f"/runs/{run.pk}/", f"/runs/{run.pk}/steps/{step.pk}/", f"/api/runs/{run.pk}/")
    for address in addresses:
        assert "no engine looks for work" in as_bob.get(address).content.decode(), address
    EngineHeartbeat.objects.note("here:1:x", timezone.now(), found=False)
    for address in addresses:
        assert "no engine looks for work" not in as_bob.get(address).content.decode(), address


def test_pausing_what_is_paused_says_why_not(as_bob, begin):
    run = begin(HAND)
    transitions.pause(run, None)
    assert "only a running run is paused" in as_bob.post(f"/runs/{run.pk}/pause/", follow=True).content.decode()


def test_a_viewer_may_neither_pause_nor_continue(begin, vera):
    run, client = begin(HAND), signed_in(vera)
    assert 'id="run-pause"' not in text(client, run)
    assert client.post(f"/runs/{run.pk}/pause/").status_code == 403
    assert client.post(f"/runs/{run.pk}/continue/").status_code == 403


def test_a_step_behind_a_mutex_names_it(as_bob, begin):
    begin(MUTEX)
    page = text(as_bob, begin(MUTEX))
    assert "waits for the mutex gpu, held by run" in page
    assert "Queued" in page


def test_a_step_behind_a_limit_says_which(as_bob, begin, team):
    begin(HAND)
    run = begin(HAND, drain=False)
    limit = Limit.objects.create(team=team, at_most=3)
    run.steps.update(state="waiting", queue=limit.key)
    assert "waits: at most 3 steps of team Retention at once" in text(as_bob, run)


def test_a_retry_says_when_the_next_attempt_comes(as_bob, begin):
    from datetime import timedelta

    from django.utils import timezone

    run = begin(HAND)
    run.steps.update(
        state="waiting", asking=None, attempt=2, started_at=None, reason="the target does not answer",
        wake_at=timezone.now() + timedelta(seconds=40),
    )  # fmt: skip
    page = text(as_bob, run)
    assert "Tries again" in page
    assert "attempt 2 comes at" in page
    assert "before: the target does not answer" in page
