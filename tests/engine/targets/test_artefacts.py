"""Files by content: whole or not at all."""

import hashlib
import io
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from engine.artefacts.store import ArtefactError, Artefacts

CHECKOUT = Path(__file__).resolve().parents[3]


def files_in(folder):
    return [path for path in folder.rglob("*") if path.is_file()]


def test_the_same_bytes_are_stored_once_under_their_sha256(tmp_path):
    store = Artefacts(tmp_path / "a")
    source = tmp_path / "model.pkl"
    source.write_bytes(b"model")
    sha = store.put(source)
    assert sha == hashlib.sha256(b"model").hexdigest() == store.put(io.BytesIO(b"model"))
    assert len(files_in(store.root)) == 1
    assert store.size(sha) == 5
    with store.open(sha) as file:
        assert file.read() == b"model"


def test_too_large_a_file_is_refused_and_leaves_nothing(tmp_path):
    store = Artefacts(tmp_path / "a")
    with pytest.raises(ArtefactError, match=r"larger than the 1\.0 KB"):
        store.put(io.BytesIO(b"x" * 1025), limit=1024)
    assert files_in(store.root) == []
    store.put(io.BytesIO(b"x" * 1024), limit=1024)


def test_a_stream_that_breaks_leaves_nothing(tmp_path):
    class Broken(io.BytesIO):
        def read(self, size=-1):
            raise OSError("the line went dead")

    store = Artefacts(tmp_path / "a")
    with pytest.raises(ArtefactError, match="could not be stored"):
        store.put(Broken())
    assert files_in(store.root) == []


@pytest.mark.parametrize("sha", ["", "../../etc/passwd", "A" * 64, "0" * 63])
def test_what_is_no_sha256_never_becomes_a_path(tmp_path, sha):
    with pytest.raises(ArtefactError, match="not a sha256"):
        Artefacts(tmp_path).path(sha)


def test_a_file_that_is_not_there_is_said(tmp_path):
    with pytest.raises(ArtefactError, match="no file 0000"):
        Artefacts(tmp_path).open("0" * 64)
    with pytest.raises(ArtefactError, match=r"gone\.pkl cannot be read"):
        Artefacts(tmp_path).put(tmp_path / "gone.pkl")


def test_a_full_disk_is_said_and_leaves_nothing(tmp_path):
    """On a tmpfs of 1 MB in a namespace of our own, where the system lets us have one."""
    folder = tmp_path / "small"
    folder.mkdir()
    program = f"""
        import io, os
        from pathlib import Path
        from engine.artefacts.store import Artefacts, ArtefactError
        store = Artefacts(Path({str(folder)!r}))
        kept = store.put(io.BytesIO(b"small"))
        try:
            store.put(io.BytesIO(os.urandom(3 << 20)))
        except ArtefactError as error:
            print(error)
        print([p.name for p in store.root.rglob("*") if p.is_file()] == [kept])
    """
    mount = f"mount -t tmpfs -o size=1m none {folder} && exec {sys.executable} -c '{textwrap.dedent(program)}'"
    mount = mount.replace(f"{str(folder)!r}", f'"{folder}"')
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", mount], capture_output=True, text=True, cwd=CHECKOUT,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(CHECKOUT)},
    )  # fmt: skip
    if "unshare" in done.stderr or "mount:" in done.stderr:
        pytest.skip("no tmpfs can be mounted here")
    assert done.stdout.splitlines() == [
        "The disk is full: the file was not stored. Make room where DESIREPATH_HOME is, then try again.",
        "True",
    ], done.stderr
