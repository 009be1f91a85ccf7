"""A backup is whole or not there, and a recovery is all of it or nothing."""

from __future__ import annotations

import fcntl
import json
import os
import sqlite3
import stat
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from engine.artefacts.store import Artefacts
from engine.targets.base import Kind, Workload
from engine.targets.local import LocalTarget
from engine.targets.local.workloads import Folder, spec_of
from server.installation.backup import BackupError, backup, recover
from tests.homes import CHECKOUT


def silent(said: str) -> None:
    return


@pytest.fixture
def used(tmp_path: Path) -> Path:
    """A home with a row, a key, a file, a service, and a job that is at work."""
    home = tmp_path / "used"
    home.mkdir()
    with sqlite3.connect(home / "db.sqlite3") as database:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("CREATE TABLE engine_engineheartbeat (owner TEXT)")
        database.execute("INSERT INTO engine_engineheartbeat VALUES ('here:1:x')")
        database.execute("CREATE TABLE kept (what TEXT)")
        database.execute("INSERT INTO kept VALUES ('a run')")
    (home / "secret_key").write_text("the key")
    source = home / "source"
    source.write_bytes(os.urandom(300_000))
    Artefacts(home / "artefacts").put(source)
    source.unlink()
    target = LocalTarget(home)
    for name, kind in (("server-1", Kind.SERVICE), ("job-1", Kind.JOB), ("job-2", Kind.JOB)):
        folder = Folder(target.places.workload(name))
        workload = Workload(name, kind, ("{python}", "-m", "http.server", "{port}"))
        folder.write_spec(spec_of(workload, folder.path, target.artefacts, source=None, python=None, port=45678))
        (folder.path / "state.json").write_text(json.dumps({"program": {"pid": os.getpid()}, "ended_at": None}))
    state = {"program": {"pid": os.getpid()}, "shim": {"pid": os.getpid()}, "ended_at": 1.0, "exit": 0}
    (target.places.workload("job-2") / "state.json").write_text(json.dumps(state))
    (target.places.workload("job-2") / "result.json").write_text('{"rows": 3}')
    return home


@pytest.fixture
def file(used: Path, tmp_path: Path) -> Path:
    made = tmp_path / "all.tar"
    backup(used, made, silent)
    return made


def whole(home: Path) -> bool:
    with sqlite3.connect(home / "db.sqlite3") as database:
        return bool(database.execute("SELECT what FROM kept").fetchone() == ("a run",))


def test_what_was_there_is_there_again(used, file, tmp_path):
    home = tmp_path / "new"
    recover(file, home, silent)
    assert whole(home)
    assert (home / "secret_key").read_text() == "the key"
    names = sorted(path.relative_to(used) for path in (used / "artefacts").glob("*/*"))
    assert names == sorted(path.relative_to(home) for path in (home / "artefacts").glob("*/*"))
    assert LocalTarget(home).status("job-2").result == {"rows": 3}


def test_nobody_else_can_read_it_and_it_has_the_keys(file):
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with tarfile.open(file) as tar:
        assert "secret_key" in tar.getnames()


def test_an_engine_of_before_is_not_said_to_be_there(file, tmp_path):
    recover(file, tmp_path / "new", silent)
    with sqlite3.connect(tmp_path / "new" / "db.sqlite3") as database:
        assert database.execute("SELECT count(*) FROM engine_engineheartbeat").fetchone() == (0,)


def test_no_process_of_before_is_taken_for_ours_and_a_job_at_work_is_asked_for_again(file, tmp_path):
    recover(file, tmp_path / "new", silent)
    target = LocalTarget(tmp_path / "new")
    assert not target.places.workload("job-1").exists()
    assert set(Folder(target.places.workload("job-2")).state) == {"ended_at", "exit"}
    assert Folder(target.places.workload("server-1")).state == {}


def test_a_service_waits_to_be_built_in_its_new_place(used, file, tmp_path):
    recover(file, tmp_path / "new", silent)
    spec = Folder(LocalTarget(tmp_path / "new").places.workload("server-1")).spec
    assert spec
    assert (spec["wanted"], spec["then"], spec["port"]) == ("prepare", "run", 45678)


def test_a_home_in_use_is_refused_and_stays_as_it_is(used, file):
    with pytest.raises(BackupError, match=r"is in use: there is .*Name an empty home"):
        recover(file, used, silent)
    assert whole(used)


def test_a_running_home_is_refused(file, tmp_path):
    home = tmp_path / "runs"
    home.mkdir()
    with (home / "up.lock").open("a+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(BackupError, match="Desirepath runs from"):
            recover(file, home, silent)


def test_what_a_killed_recovery_left_is_no_use(file, tmp_path):
    home = tmp_path / "new"
    (home / ".recovering-0001" / "artefacts").mkdir(parents=True)
    recover(file, home, silent)
    assert whole(home)
    assert not list(home.glob(".recovering-*"))


@pytest.mark.parametrize("share", [0.0, 0.3, 0.7, 0.95])
def test_a_cut_file_changes_nothing(file, tmp_path, share):
    file.write_bytes(file.read_bytes()[: int(file.stat().st_size * share)])
    with pytest.raises(BackupError, match="is not a whole backup"):
        recover(file, tmp_path / "new", silent)
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["up.lock"]


def test_one_changed_byte_is_noticed(file, tmp_path):
    with tarfile.open(file) as tar:
        place = next(info.offset_data for info in tar if info.name.startswith("artefacts/"))
    data = bytearray(file.read_bytes())
    data[place + 100] ^= 1
    file.write_bytes(data)
    with pytest.raises(BackupError, match="is damaged: artefacts/"):
        recover(file, tmp_path / "new", silent)
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["up.lock"]


def test_a_file_that_would_write_elsewhere_is_refused(tmp_path):
    bad = tmp_path / "bad.tar"
    with tarfile.open(bad, "w") as tar:
        tar.addfile(tarfile.TarInfo("../outside"))
    with pytest.raises(BackupError, match="is not a whole backup"):
        recover(bad, tmp_path / "new", silent)
    assert not (tmp_path / "outside").exists()


def test_a_file_that_is_not_there_is_said(tmp_path):
    with pytest.raises(BackupError, match="was not recovered"):
        recover(tmp_path / "none.tar", tmp_path / "new", silent)


FULL = """
import resource
from pathlib import Path
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
from server.installation.backup import BackupError, backup, recover
try:
    {call}
except BackupError as error:
    print(error)
"""


def on_a_full_disk(call: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", FULL.format(call=call)], cwd=CHECKOUT, capture_output=True, text=True, check=False,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"},
    )  # fmt: skip
    return done.stdout + done.stderr


def test_a_full_disk_leaves_yesterdays_backup_and_nothing_half_done(used, tmp_path):
    kept = tmp_path / "all.tar"
    kept.write_text("yesterday's")
    said = on_a_full_disk(f"backup(Path({str(used)!r}), Path({str(kept)!r}), print)")
    assert "the disk is full. Make room there, or name another place." in said
    assert kept.read_text() == "yesterday's"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["all.tar", "used"]


def test_a_recovery_on_a_full_disk_leaves_the_home_as_it_was(file, tmp_path):
    said = on_a_full_disk(f"recover(Path({str(file)!r}), Path({str(tmp_path / 'new')!r}), print)")
    assert "the disk is full" in said
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["up.lock"]


def test_what_is_written_during_a_backup_is_whole_or_not_in_it(used, tmp_path):
    """A transaction that is open while the database is copied is not in the copy."""
    with sqlite3.connect(used / "db.sqlite3") as writer:
        writer.execute("INSERT INTO kept VALUES ('half')")
        backup(used, tmp_path / "open.tar", silent)
    recover(tmp_path / "open.tar", tmp_path / "new", silent)
    with sqlite3.connect(tmp_path / "new" / "db.sqlite3") as database:
        assert database.execute("SELECT count(*) FROM kept").fetchone() == (1,)
