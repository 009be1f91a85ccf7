"""kill -9 at any moment, then carry on: nothing doubled, nothing lost."""

import json
import os
import random
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import httpx
import pytest

from engine.targets.base import Backend, Route, State
from engine.targets.local import LocalTarget
from tests import processes
from tests.waiting import until

from .conftest import job, service
from .contract import ENDED
from .waiting import until_state

pytestmark = pytest.mark.kill

CHECKOUT = Path(__file__).resolve().parents[3]
# Appends a line when it starts and one when it ends, so that a doubled run shows.
NOTES = """import os, time
open('{notes}', 'a').write('start\\n')
time.sleep({seconds})
open('{notes}', 'a').write('end\\n')"""


def kill_supervisord(target):
    pid = until(target.supervisor.pid)
    os.kill(pid, signal.SIGKILL)
    until(lambda: processes.gone(pid))


def state_of(target, name):
    return json.loads((target.places.workload(name) / "state.json").read_text())


def kill(target, name, who):
    os.kill(state_of(target, name)[who]["pid"], signal.SIGKILL)


def test_a_job_survives_supervisord_and_its_end_is_known(target, tmp_path):
    notes = tmp_path / "notes"
    target.apply(job("long", NOTES.format(notes=notes, seconds=1.5) + "\nraise SystemExit(7)"))
    until_state(target, "long", State.RUNNING)
    kill_supervisord(target)
    status = until_state(target, "long", *ENDED)
    assert (status.state, status.exit_code, status.starts) == (State.FAILED, 7, 1)
    assert notes.read_text() == "start\nend\n"


def test_an_ended_job_is_not_run_again_by_a_new_supervisord(target, tmp_path):
    notes = tmp_path / "notes"
    work = job("once", NOTES.format(notes=notes, seconds=0))
    target.apply(work)
    until_state(target, "once", State.SUCCEEDED)
    kill_supervisord(target)
    target.start()
    target.apply(work)
    assert target.status("once").starts == 1
    assert notes.read_text() == "start\nend\n"


def test_a_service_keeps_answering_while_supervisord_is_gone_and_is_adopted(target):
    target.apply(service("web"))
    first = until_state(target, "web", State.READY)
    program = state_of(target, "web")["program"]
    kill_supervisord(target)
    assert httpx.get(first.address).text == "web"
    again = until_state(target, "web", State.READY)  # looking brings supervisord back
    assert target.supervisor.pid()
    assert (again.starts, again.address) == (1, first.address)
    assert state_of(target, "web")["program"] == program


def test_a_service_adopted_after_a_kill_can_be_stopped(target):
    target.apply(service("web"))
    until_state(target, "web", State.READY)
    kill_supervisord(target)
    target.start()
    target.stop("web")
    assert target.status("web").state is State.STOPPED
    assert processes.processes_in(target.places.workload("web")) == []


def test_a_service_adopted_after_a_kill_is_started_again_when_it_dies(target):
    target.apply(service("web"))
    until_state(target, "web", State.READY)
    kill_supervisord(target)
    target.start()
    kill(target, "web", "program")
    status = until(lambda: (s := target.status("web")).starts == 2 and s.state is State.READY and s)
    assert status.state is State.READY


def test_a_job_whose_shim_is_killed_is_adopted_and_not_doubled(target, tmp_path):
    notes = tmp_path / "notes"
    target.apply(job("long", NOTES.format(notes=notes, seconds=1.5)))
    until(notes.exists)
    kill(target, "long", "shim")
    status = until_state(target, "long", *ENDED)
    assert status.starts == 1
    assert "not known" in status.reason
    assert until(lambda: notes.read_text() == "start\nend\n")


def test_a_service_whose_shim_is_killed_goes_on_and_its_log_is_read_on(target):
    program = "import time\nn = 0\nwhile True:\n    n += 1; print(n, flush=True); time.sleep(0.01)"
    target.apply(service("talks", program))
    until(lambda: "5\n" in target.logs("talks").text)
    kill(target, "talks", "shim")
    end = target.logs("talks", -1).offset
    until(lambda: target.logs("talks", -1).offset > end + 50)
    lines = target.logs("talks").text.split()
    assert lines[:20] == [str(n) for n in range(1, 21)]
    assert target.status("talks").starts == 1


def test_the_gateway_is_back_on_its_ports_with_its_counts(target):
    target.apply(service("churn.r1"))
    until_state(target, "churn.r1", State.READY)
    address = target.route(Route("churn", (Backend("1", "churn.r1", 100),))).address
    for _ in range(5):
        assert httpx.get(address).status_code == 200
    for _ in range(4):
        kill(target, "_gateway", "program")
        assert until(lambda: _get(address)) == "churn.r1"
    assert target.counts("churn")["1"].requests >= 9
    assert target.routed("churn").address == address


def _get(address):
    try:
        return httpx.get(address, timeout=60).text
    except httpx.HTTPError:
        return None


def test_everything_killed_at_once_comes_back(target, home):
    target.apply(service("churn.r1"))
    first = until_state(target, "churn.r1", State.READY)
    address = target.route(Route("churn", (Backend("1", "churn.r1", 100),))).address
    processes.kill(processes.processes_of(home))
    LocalTarget(home).start()
    assert until_state(target, "churn.r1", State.READY).address == first.address
    assert until(lambda: _get(address)) == "churn.r1"


ENGINE = """
    import sys
    from pathlib import Path
    from engine.targets.base import Backend, Route
    from engine.targets.local import LocalTarget
    from tests.engine.targets.conftest import job, service
    from tests.engine.targets.waiting import until_state
    print("at work", flush=True)
    target = LocalTarget(Path(sys.argv[1]))
    for n in range(4):
        target.apply(job(f"job{n}", sys.argv[2].replace("NOTES", f"{sys.argv[3]}/notes{n}")))
    target.apply(service("churn.r1"))
    target.apply(service("churn.r2"))
    until_state(target, "churn.r1", "ready")
    until_state(target, "churn.r2", "ready")
    for weight in (0, 10, 50, 100):
        backends = (Backend("1", "churn.r1", 100 - weight), Backend("2", "churn.r2", weight))
        target.route(Route(f"churn{weight}", backends, "1"))
    for n in range(4):
        until_state(target, f"job{n}", "succeeded")
    print("finished", [target.routed(f"churn{weight}").changes for weight in (0, 10, 50, 100)])
"""


def test_twenty_kills_spread_over_the_work_double_nothing_and_lose_nothing(target, home, tmp_path):
    """A process that uses the target is started again after each kill, as the engine would be; so is supervisord."""
    random.seed(3)
    program = NOTES.format(notes="NOTES", seconds=0.8)
    command = [sys.executable, "-c", textwrap.dedent(ENGINE), str(home), program, str(tmp_path)]
    kills = 0
    while True:
        engine = subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.PIPE, text=True)
        try:
            assert engine.stdout
            assert engine.stdout.readline() == "at work\n"
            while kills < 20 and engine.poll() is None:
                time.sleep(random.uniform(0.05, 0.5))  # awaits nothing: the kill comes at any moment of the work
                victim = random.choice(["engine", "supervisord", "gateway"])
                kills += _kill_one(target, engine, victim)
            said, _ = engine.communicate()
        finally:
            engine.kill()
            engine.wait()
        assert engine.returncode in (0, -signal.SIGKILL), said
        if engine.returncode == 0 and kills >= 20:
            break
    assert said == "finished [1, 1, 1, 1]\n"
    assert [target.status(f"job{n}").starts for n in range(4)] == [1, 1, 1, 1]
    assert [(tmp_path / f"notes{n}").read_text() for n in range(4)] == ["start\nend\n"] * 4
    assert [target.status(f"churn.r{n}").starts for n in (1, 2)] == [1, 1]


def _kill_one(target, engine, victim):
    try:
        if victim == "engine":
            engine.kill()
        elif victim == "supervisord":
            os.kill(target.supervisor.pid() or -(2**22), signal.SIGKILL)
        else:
            os.kill(state_of(target, "_gateway")["program"]["pid"], signal.SIGKILL)
    except (ProcessLookupError, FileNotFoundError, KeyError):
        return 0
    return 1
