"""Programs that misbehave, run by the engine on the real local target: the step says what happened, nothing is left."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from django.conf import settings

from engine.models import Run, StepRun, Target
from engine.models.target import connect
from engine.targets.local import LocalTarget, processes
from engine.workers import executor
from tests.engine.conftest import Runner
from tests.processes import processes_in, processes_of
from tests.waiting import until

pytestmark = pytest.mark.django_db(transaction=True)

Command = Callable[..., StepRun]


@pytest.fixture
def local() -> Iterator[LocalTarget]:
    """The local target of this test's home; ended, with everything it runs."""
    folder = Path(settings.DESIREPATH_HOME)
    connect.cache_clear()
    yield LocalTarget(folder)
    LocalTarget(folder).shutdown()
    assert processes_of(folder / "local") == []
    shutil.rmtree(folder / "local", ignore_errors=True)
    connect.cache_clear()


@pytest.fixture
def command(local: LocalTarget, run_flow: Runner) -> Command:
    """The step that ran this shell command, once its run has ended; and nothing of it lives on."""

    def ended(run: Run) -> bool:
        executor.drain()
        return Run.objects.get(pk=run.pk).ended

    def run_it(text: str, **leaf: Any) -> StepRun:
        # JSON is YAML.
        run = run_flow(
            json.dumps([{"id": "go", "uses": "command.run", "with": {"command": text}, **leaf}]), drain=False
        )
        Target.objects.filter(pk=run.target_id).update(kind="local", name=f"local-{run.pk}")
        until(lambda: ended(run), what="for the run to end")
        step = run.steps.get(purpose="leaf")
        (name,) = step.checkpoint["jobs"]
        assert _living(local, name) == []
        return step

    return run_it


def _living(local: LocalTarget, name: str) -> list[psutil.Process]:
    return processes_in(local.places.workload(name))


def test_a_gigabyte_of_log_ends_in_the_newest_16_mb_and_no_more_memory(command: Command, local: LocalTarget) -> None:
    before = psutil.Process().memory_info().rss
    step = command("yes 0123456789abcdef | head -c 1073741824; echo; echo done")
    assert (step.state, step.outputs["last_line"]) == ("succeeded", "done")
    folder = local.places.workload(step.checkpoint["jobs"][0])
    assert sum(path.stat().st_size for path in folder.glob("log.*")) <= 24 << 20
    assert psutil.Process().memory_info().rss - before < 64 << 20


def test_what_a_step_forked_away_ends_with_it(command: Command, tmp_path: Path) -> None:
    child = tmp_path / "child"
    step = command(f"setsid sh -c 'echo $$ > {child}; exec sleep 600' & while [ ! -s {child} ]; do sleep 0.01; done")
    assert step.state == "succeeded"
    assert processes.started(int(child.read_text())) is None


def test_a_step_that_ignores_sigterm_is_killed_when_its_time_is_up(command: Command) -> None:
    step = command("trap '' TERM; while :; do sleep 0.1; done", timeout=1)
    assert step.state == "failed"
    assert "longer than the 1 s" in step.reason


def test_bytes_that_are_no_text_are_replaced_and_every_database_takes_them(command: Command) -> None:
    step = command("printf 'a\\377b\\000c\\n'")
    assert (step.state, step.outputs["last_line"], step.note) == ("succeeded", "a\ufffdb\ufffdc", "a\ufffdb\ufffdc")
    failed = command("printf 'a\\377b\\000c\\n'; exit 3")
    assert failed.reason.endswith("It ended with 3. It said last: a\ufffdb\ufffdc. Its last line: a\ufffdb\ufffdc")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("kill -SEGV $$", "killed by SIGSEGV (segmentation fault)"),
        ("kill -KILL $$", "killed by SIGKILL (killed, perhaps for its memory)"),
        ("sh -c 'kill -ABRT $$'; exit $?", "ended with 134: SIGABRT (aborted)"),
    ],
)
def test_a_step_that_a_signal_ended_says_which_in_words(command: Command, text: str, said: str) -> None:
    step = command(text)
    assert step.state == "failed"
    assert said in step.reason


@pytest.mark.parametrize(
    ("text", "limits", "said"),
    [
        ("exec python3 -S -c 'x = bytearray(400 << 20)'", {"memory_mb": 200}, "It may take 200 MB of memory."),
        ("while :; do :; done", {"cpu_seconds": 1}, "It may use 1 seconds of processor time."),
        ("exec head -c 8000000 /dev/zero > big", {"file_mb": 2}, "It may write files of up to 2 MB."),
    ],
    ids=["memory", "processor", "file"],
)
def test_a_limit_limits_and_is_said(
    command: Command, local: LocalTarget, text: str, limits: dict[str, int], said: str
) -> None:
    step = command(text, limits=limits)
    assert step.state == "failed"
    assert said in step.reason
    written = local.places.workload(step.checkpoint["jobs"][0]) / "scratch" / "big"
    assert not written.exists() or os.path.getsize(written) <= 2 << 20
