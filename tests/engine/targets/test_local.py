"""The local target with real processes."""

import errno
import os
import socket
import tempfile
import time

import httpx
import psutil
import pytest

from engine.artefacts.store import DiskFull
from engine.targets.base import Backend, Kind, NoRoom, Route, Source, State, TargetError, Workload
from engine.targets.local import LocalTarget, processes
from engine.targets.local.sources import Sources
from tests.pace import slowness
from tests.processes import processes_in, processes_of
from tests.waiting import until

from .conftest import job, service
from .contract import ENDED, TargetContract
from .waiting import until_state


class TestLocal(TargetContract):
    def service(self, name):
        return service(name)

    def job(self, target, name, *, result=None, code=0, says="", endless=False):
        program = f"import json, os, sys, time\nif {says!r}: print({says!r}, flush=True)\n"
        if result is not None:
            program += f"open(os.environ['RESULT'], 'w').write(json.dumps({result!r}))\n"
        program += "time.sleep(600)\n" if endless else f"sys.exit({code})\n"
        return job(name, program)


def test_making_the_object_and_asking_writes_nothing(home):
    target = LocalTarget(home / "var")
    target.status("x")
    target.routed("x")
    target.plan(service("x"))
    target.remove("x")
    target.shutdown()
    assert not (home / "var").exists()


def test_the_environment_of_a_workload_is_built_from_nothing(target, monkeypatch):
    monkeypatch.setenv("DJANGO_SECRET_KEY", "hush")
    program = "import json, os; open(os.environ['RESULT'], 'w').write(json.dumps(dict(os.environ)))"
    target.apply(Workload("env", Kind.JOB, ("{python}", "-c", program), {"MINE": "{result}"}))
    found = until_state(target, "env", State.SUCCEEDED).result
    found.pop("LC_CTYPE", None)
    assert set(found) == {"PATH", "HOME", "TMPDIR", "LANG", "RESULT", "OUTPUTS", "DESIREPATH_WORKLOAD", "MINE"}
    assert found["MINE"] == found["RESULT"]
    assert "hush" not in str(found)


def test_a_disk_that_is_full_when_a_job_starts_is_waited_for(target, monkeypatch):
    with monkeypatch.context() as patched:
        full = OSError(errno.ENOSPC, "No space left on device")
        patched.setattr(processes, "write_json", lambda *_: (_ for _ in ()).throw(full))
        with pytest.raises(DiskFull, match="no room on the disk for small"):
            target.apply(job("small", "pass"))
    target.apply(job("small", "pass"))
    until_state(target, "small", State.SUCCEEDED)


def test_a_disk_that_is_full_when_a_jobs_files_are_listed_is_waited_for(target, monkeypatch):
    target.apply(job("makes", "import os; open(os.environ['OUTPUTS'] + '/model.bin', 'wb').write(b'abc')"))
    until(lambda: (processes.read_json(target.places.workload("makes") / "state.json") or {}).get("ended_at"))
    with monkeypatch.context() as patched:
        full = OSError(errno.ENOSPC, "No space left on device")
        patched.setattr(processes, "write_json", lambda *_: (_ for _ in ()).throw(full))
        with pytest.raises(DiskFull, match="no room on the disk for the list"):
            target.status("makes")
    assert set(until_state(target, "makes", State.SUCCEEDED).files) == {"model.bin"}


def test_a_folder_that_finds_no_room_is_a_refusal_that_passes(home, monkeypatch):
    """Of the kind that every caller of a target knows, and that an executor waits for."""
    full = OSError(errno.ENOSPC, "No space left on device")
    monkeypatch.setattr(tempfile, "mkdtemp", lambda **_: (_ for _ in ()).throw(full))
    with pytest.raises(NoRoom) as raised:
        Sources(home / "sources").make(Source("app", "a" * 64), home / "app.zip")
    assert isinstance(raised.value, TargetError)
    assert raised.value.temporary


def test_files_a_job_leaves_become_artefacts(target):
    target.apply(job("makes", "import os; open(os.environ['OUTPUTS'] + '/model.bin', 'wb').write(b'abc')"))
    files = until_state(target, "makes", State.SUCCEEDED).files
    assert target.artefacts.path(files["model.bin"]).read_bytes() == b"abc"
    reads = "import sys; sys.exit(0 if open(sys.argv[1]).read() == 'abc' else 1)"
    argv = ("{python}", "-c", reads, f"{{artefact:{files['model.bin']}}}")
    target.apply(Workload("reads", Kind.JOB, argv))
    assert until_state(target, "reads", *ENDED).state is State.SUCCEEDED


def test_a_missing_artefact_is_said_before_anything_starts(target):
    with pytest.raises(TargetError, match="no file 0000"):
        target.apply(Workload("reads", Kind.JOB, ("cat", f"{{artefact:{'0' * 64}}}")))
    assert target.status("reads").state is State.ABSENT


def test_a_program_that_is_not_there_is_said(target):
    target.apply(Workload("nope", Kind.JOB, ("no-such-program",)))
    status = until_state(target, "nope", *ENDED)
    assert "no-such-program cannot be started" in status.reason


def test_a_job_that_takes_too_long_is_ended_and_says_so(target):
    target.apply(job("slow", "import time; time.sleep(60)", timeout=0.5))
    status = until_state(target, "slow", *ENDED)
    assert status.state is State.FAILED
    assert "longer than the 0.5 seconds" in status.reason


def test_stopping_ends_children_that_were_forked_away(target):
    program = """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        time.sleep(600)
    os._exit(0)
os.wait()
print("up", flush=True)
time.sleep(600)
"""
    target.apply(job("forks", program))
    until(lambda: "up" in target.logs("forks").text)

    def tagged():
        return processes_in(target.places.workload("forks"))

    until(lambda: len(tagged()) == 2)
    target.stop("forks")
    assert tagged() == []


def test_a_program_that_ignores_sigterm_is_killed(target, monkeypatch):
    program = "import signal, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
    target.apply(job("deaf", program))
    until(lambda: "up" in target.logs("deaf").text)
    began = time.monotonic()
    target.stop("deaf")
    assert 9 < time.monotonic() - began < 30 * slowness()
    assert target.status("deaf").state is State.STOPPED


def test_endless_output_does_not_fill_the_disk_and_the_newest_is_kept(target):
    program = "import os\nfor n in range(60):\n    os.write(1, b'%07d\\n' % n * 131072)\n"
    target.apply(job("prints", program))
    until_state(target, "prints", State.SUCCEEDED, seconds=60)
    folder = target.places.workload("prints")
    kept = sum(path.stat().st_size for path in folder.glob("log.*"))
    assert kept <= 24 << 20
    assert target.logs("prints", -8).text == "0000059\n"
    end = target.logs("prints", -1).offset
    assert end == 60 * 131072 * 8
    assert target.logs("prints", 0, 8).text != "0000000\n"


def test_bytes_that_are_not_text_are_replaced(target):
    target.apply(job("binary", "import os; os.write(1, b'a\\xff\\x00b')"))
    until_state(target, "binary", State.SUCCEEDED)
    assert target.logs("binary").text == "a\ufffd\x00b"


def test_a_service_that_ends_at_once_is_given_up_with_its_last_words(target):
    target.apply(service("dies", "import sys; sys.exit('cannot bind')"))
    status = until_state(target, "dies", State.FAILED)
    assert "cannot bind" in status.reason
    assert status.starts == 3


def test_a_service_that_dies_is_started_again_on_its_port(target):
    target.apply(service("web"))
    first = until_state(target, "web", State.READY)
    program = target.places.workload("web") / "state.json"
    psutil.Process(__import__("json").loads(program.read_text())["program"]["pid"]).kill()
    again = until(lambda: (s := target.status("web")).state is State.READY and s.starts == 2 and s)
    assert again.address == first.address


def test_memory_is_bounded(target):
    target.apply(job("eats", "x = bytearray(800 << 20); print(len(x))", memory_mb=300))
    status = until_state(target, "eats", *ENDED)
    assert status.state is State.FAILED
    assert "MemoryError" in status.reason


def test_an_asked_for_port_that_is_taken_is_refused_by_number(target):
    target.apply(service("churn.r1"))
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(TargetError, match=f"Port {port} is taken by another program.*another port"):
            target.route(Route("churn", (Backend("1", "churn.r1", 100),), port=port))
        assert target.routed("churn") is None
    assert target.route(Route("churn", (Backend("1", "churn.r1", 100),), port=port)).address.endswith(str(port))


def test_a_service_whose_port_was_taken_meanwhile_moves_and_the_route_follows(target):
    target.apply(service("churn.r1"))
    first = until_state(target, "churn.r1", State.READY)
    routed = target.route(Route("churn", (Backend("1", "churn.r1", 100),)))
    target.shutdown()
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", int(first.address.rpartition(":")[2])))
        other.listen()
        target.start()
        moved = until_state(target, "churn.r1", State.READY)
        assert moved.address != first.address
        assert until(lambda: _text(routed.address)) == "churn.r1"
    assert target.routed("churn").changes == 1


def _text(address):
    try:
        answer = httpx.get(address, timeout=5)
    except httpx.HTTPError:
        return None
    return answer.text if answer.status_code == 200 else None


def test_shutdown_ends_everything_and_start_brings_it_back_on_the_same_ports(target, home):
    target.apply(service("churn.r1"))
    target.apply(job("long", "import time; time.sleep(600)"))
    first = until_state(target, "churn.r1", State.READY)
    until_state(target, "long", State.RUNNING)
    routed = target.route(Route("churn", (Backend("1", "churn.r1", 100),)))
    target.shutdown()
    assert processes_of(home) == []
    assert not target.places.runtime.exists()
    assert target.status("churn.r1").state is not State.READY
    assert processes_of(home) == []  # looking does not start anything again
    target.start()
    assert until_state(target, "churn.r1", State.READY).address == first.address
    assert until(lambda: _text(routed.address)) == "churn.r1"
    assert target.status("long").state is State.STOPPED
    assert target.status("long").starts == 1


def test_another_process_with_another_runtime_folder_finds_the_same_supervisord(target, home, monkeypatch):
    target.apply(service("web"))
    until_state(target, "web", State.READY)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(home))
    other = LocalTarget(home)
    assert other.places.runtime == target.places.runtime
    other.apply(service("second"))
    assert until_state(target, "second", State.READY)


def test_a_runtime_folder_with_a_long_path_is_refused(tmp_path, monkeypatch):
    deep = tmp_path / ("d" * 90)
    deep.mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(deep))
    target = LocalTarget(tmp_path / "home")
    assert any("too long" in sentence for sentence in target.check())
    with pytest.raises(TargetError, match="Set XDG_RUNTIME_DIR to a short folder"):
        target.apply(job("x", "pass"))


def test_a_runtime_folder_of_somebody_else_is_refused(home, monkeypatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(home))
    target = LocalTarget(home / "h")
    target.places.runtime.mkdir()
    os.chmod(target.places.runtime, 0o777)
    with pytest.raises(TargetError, match="not a folder of yours alone"):
        target.apply(job("x", "pass"))
