"""The local target with somebody's own code: its folder, its secrets, its ports, its daemons. Real processes."""

import dataclasses
import socket
import time

import httpx
import pytest

from engine.targets.base import Backend, Kind, Route, Source, State, TargetError, Workload
from engine.targets.local import workloads
from tests.apps import packed
from tests.processes import kill, processes_of
from tests.waiting import until

from .conftest import job
from .contract import ENDED
from .waiting import until_state

HUSH = "s3cret-value-of-the-bank"


@pytest.fixture
def app(target, tmp_path):
    """An app's program, of a folder handed in."""

    def make(name="web.1", command="exec python web.py", *, kind=Kind.SERVICE, health="/", **files):
        archive = tmp_path / "app.tar.gz"
        archive.write_bytes(packed(**files))
        source = Source(f"app-{files.get('says', 'one')}", target.artefacts.put(archive))
        return Workload(
            name, kind, ("/bin/sh", "-c", f"PATH=$(dirname {{python}}):$PATH; {command}"), {"RELEASE": "1"},
            health=health, any_answer=True, source=source,
        )  # fmt: skip

    return make


def test_it_starts_in_its_folder_and_two_programs_of_one_source_share_it(target, app):
    target.apply(app(command="echo two > says.txt; exec python web.py"))
    status = until_state(target, "web.1", State.READY)
    assert httpx.get(status.address).text == "release 1 two\n"
    target.apply(app("again", "cat says.txt", kind=Kind.JOB))
    until_state(target, "again", State.SUCCEEDED)
    assert target.logs("again").text == "two\n"
    for name in ("web.1", "again"):
        target.stop(name)
    target.discard("app-one")
    assert not (target.places.sources / "app-one").exists()
    target.apply(app())  # a service that is started again gets its folder anew
    assert httpx.get(until_state(target, "web.1", State.READY).address).text == "release 1 two\n"


def test_a_folder_that_cannot_be_unpacked_is_said_and_tried_again(target, app, tmp_path):
    bad = tmp_path / "bad"
    bad.write_bytes(b"nothing")
    wrong = dataclasses.replace(app(), source=Source("app-x", target.artefacts.put(bad)))
    with pytest.raises(TargetError, match="neither"):
        target.apply(wrong)
    assert "neither" in target.status("web.1").reason


def test_secrets_reach_the_program_and_are_struck_out_of_what_is_read(target, monkeypatch):
    program = "import os, sys; print('a', os.environ['KEY'], 'b'); sys.stdout.flush(); sys.exit(os.environ['KEY'])"
    target.apply(dataclasses.replace(job("says", program), secrets={"KEY": HUSH, "SHORT": "yes"}))
    status = until_state(target, "says", *ENDED)
    assert HUSH not in status.reason
    whole = target.logs("says").text
    assert whole.splitlines()[0] == f"a {'*' * len(HUSH)} b"
    for cut in range(len(whole)):  # read in two parts, wherever they meet
        first = target.logs("says", limit=cut)
        assert first.text + target.logs("says", first.offset).text == whole
    files = [p for p in target.places.workload("says").iterdir() if p.is_file() and HUSH.encode() in p.read_bytes()]
    assert sorted(p.name.partition(".")[0] for p in files) == ["log", "secrets"]
    assert (target.places.workload("says") / "secrets.json").stat().st_mode & 0o077 == 0


def test_the_beginning_of_a_secret_that_is_still_being_printed_is_struck_out_too():
    secrets = [HUSH.encode()]
    assert workloads._strike_begun(b"the key is s3cret-va", secrets) == b"the key is *********"
    assert workloads._strike_begun(b"it was s3c", secrets) == b"it was s3c"  # too short to be told from a word


def test_a_program_without_a_port_is_ready_when_it_has_run_a_moment(target, app, monkeypatch):
    monkeypatch.setattr(workloads, "MOMENT", 5)  # so that it is seen before it has passed
    target.apply(app("worker.1", "exec python worker.py", health="", worker="import time; time.sleep(600)"))
    assert target.status("worker.1").state is State.STARTING
    status = until_state(target, "worker.1", State.READY)
    assert (status.address, status.starts) == ("", 1)
    assert time.time() - status.started_at >= workloads.MOMENT


def test_a_worker_that_ends_again_and_again_is_given_up(target, app):
    target.apply(app("worker.1", "exec python worker.py", health="", worker="import os; os.environ['GONE']"))
    status = until_state(target, "worker.1", State.FAILED, seconds=30)
    assert status.reason.startswith("It ended again and again right after its start. It ended with 1.")
    assert "KeyError: 'GONE'" in status.reason


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("import time; time.sleep(600)", "It runs and does not listen on {port}, the port it was given as $PORT."),
        (
            "import socket, time; s = socket.create_server(('127.0.0.1', {other})); time.sleep(600)",
            "It listens on {other} and not on {port}, the port it was given as $PORT.",
        ),
        (
            "import time; print('ImportError: no b\\nworker 7 is started again', flush=True); time.sleep(600)",
            "It runs and does not listen on {port}, the port it was given as $PORT. It said last: ImportError: no b",
        ),
    ],
)
def test_a_program_that_does_not_bind_its_port_is_told_apart_from_one_that_binds_another(target, app, program, said):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        other = probe.getsockname()[1]
    target.apply(app(web=program.replace("{other}", str(other))))
    port = int(target.status("web.1").address.rpartition(":")[2])
    expected = said.format(port=port, other=other)
    until(lambda: target.status("web.1").reason == expected, what=lambda: target.status("web.1").reason)


def test_an_app_that_answers_badly_is_told_with_what_it_answers_and_said_last(target, app):
    web = (
        "import http.server, os\nclass H(http.server.BaseHTTPRequestHandler):\n"
        "    def do_GET(self):\n        print('KeyError: no row', flush=True); self.send_error(503)\n"
        "http.server.HTTPServer(('127.0.0.1', int(os.environ['PORT'])), H).serve_forever()\n"
    )
    target.apply(app(web=web))
    expected = (
        "It listens on its port and answers / with 503, where it has to be anything below 500. "
        "It said last: KeyError: no row"
    )
    until(lambda: target.status("web.1").reason == expected, what=lambda: target.status("web.1").reason)


def test_what_an_app_forks_away_ends_with_it(target, app):
    daemon = (
        "import os, time\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n        time.sleep(600)\n"
        "    os._exit(0)\n"
    )
    target.apply(app(command="python worker.py; exec python web.py", worker=daemon))
    until_state(target, "web.1", State.READY)
    assert len(processes_of(target.places.workload("web.1"))) >= 2
    target.stop("web.1")
    assert processes_of(target.places.workload("web.1")) == []


def test_several_processes_answer_in_turn_and_one_that_is_killed_drops_nothing(target, app):
    for name in ("web.1", "web.2"):
        target.apply(dataclasses.replace(app(name), env={"RELEASE": name}))
    ready = [until_state(target, name, State.READY) for name in ("web.1", "web.2")]
    routed = target.route(Route("shop", (Backend("1", "web.1", 100, ("web.2",)),), own_errors=True))
    said = {httpx.get(routed.address).text for _ in range(8)}
    assert said == {"release web.1 one", "release web.2 one"}
    kill(processes_of(target.places.workload("web.1")))
    assert {httpx.get(routed.address).status_code for _ in range(8)} == {200}
    assert len(ready) == 2


@pytest.mark.parametrize(("own_errors", "status"), [(True, 500), (False, 200)])
def test_an_apps_own_error_goes_to_the_client(target, app, own_errors, status):
    target.apply(app("new", web=app_that_breaks()))
    target.apply(app("old", says="two"))
    for name in ("new", "old"):
        until_state(target, name, State.READY)
    routed = target.route(
        Route("shop", (Backend("2", "new", 100), Backend("1", "old", 0)), fallback="1", own_errors=own_errors)
    )
    assert httpx.get(f"{routed.address}/oops").status_code == status


def app_that_breaks():
    from tests.apps import WEB

    return WEB.replace('"/break": 500', '"/oops": 500')
