"""An archive is believed in nothing: what would leave its folder is refused, and nothing of it stays."""

from __future__ import annotations

import contextlib
import io
import os
import tarfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.artefacts import archives
from engine.artefacts.archives import BadArchive, members, texts, unpack
from engine.artefacts.store import Artefacts
from engine.targets.base import Source, TargetError
from engine.targets.local.sources import Sources


def tar(tmp_path: Path, *items: tuple[str, bytes | str | None, int]) -> Path:
    """(name, data | what a link leads to | None for a folder, mode or type)."""
    file = tmp_path / "made.tar.gz"
    with tarfile.open(file, "w:gz") as archive:
        for name, data, mode in items:
            item = tarfile.TarInfo(name)
            if isinstance(data, str):
                item.type, item.linkname = (tarfile.SYMTYPE, data) if not mode else (mode, data)  # type: ignore[assignment]
                archive.addfile(item)
            elif data is None:
                item.type = tarfile.DIRTYPE
                archive.addfile(item)
            else:
                item.size, item.mode = len(data), mode
                archive.addfile(item, io.BytesIO(data))
    return file


def made(file: Path, place: Path) -> Path:
    place.mkdir()
    with members(file) as found:
        unpack(found, place)
    return place


def test_files_folders_links_and_the_right_to_execute_come_out_as_they_went_in(tmp_path):
    file = tar(tmp_path, ("bin", None, 0), ("bin/run", b"#!/bin/sh", 0o755), ("a.txt", b"a", 0o644), ("b", "a.txt", 0))
    place = made(file, tmp_path / "out")
    assert os.access(place / "bin/run", os.X_OK)
    assert not os.access(place / "a.txt", os.X_OK)
    assert (place / "b").read_text() == "a"


@pytest.mark.parametrize(
    "items",
    [
        [("../up", b"x", 0o644)],
        [("/etc/cron.d/x", b"x", 0o644)],
        [("a/../../up", b"x", 0o644)],
        [("link", "/etc", 0)],
        [("link", "../..", 0)],
        [("a/link", "../../x", 0)],
        [("here", ".", 0), ("here/../up", b"x", 0o644)],
        [("l", "m", 0), ("m", "/etc", 0)],
        [("hard", "/etc/passwd", tarfile.LNKTYPE)],
        [("fifo", "", tarfile.FIFOTYPE)],
    ],
)
def test_what_would_leave_the_folder_is_refused(tmp_path, items):
    with pytest.raises(BadArchive):
        made(tar(tmp_path, *items), tmp_path / "out")
    assert not (tmp_path / "up").exists()


names = st.lists(st.sampled_from(["..", ".", "a", "b", "", "/"]), min_size=1, max_size=5).map("/".join)


@given(items=st.lists(st.tuples(names, st.one_of(st.just(b"x"), names), st.just(0)), max_size=6))
def test_whatever_is_in_it_nothing_is_written_outside(items, tmp_path_factory):
    tmp_path = tmp_path_factory.mktemp("any")
    (tmp_path / "in").mkdir()
    with contextlib.suppress(BadArchive, OSError):
        made(tar(tmp_path, *items), tmp_path / "in" / "out")
    assert sorted(os.listdir(tmp_path)) == ["in", "made.tar.gz"]
    assert os.listdir(tmp_path / "in") == ["out"]


def test_a_zip_is_read_like_a_tar_and_the_single_folder_at_its_top_left_out(tmp_path):
    file = tmp_path / "a.zip"
    with zipfile.ZipFile(file, "w") as packed:
        packed.writestr("app-main/Procfile", "web: x")
        packed.writestr("app-main/src/m.py", "1")
    assert texts(file, lambda name: name == "Procfile", 100) == {"Procfile": b"web: x", "src/m.py": b""}
    sources = Sources(tmp_path / "sources")
    place = sources.make(Source("one", "f" * 64), file)
    assert (place / "Procfile").read_text() == "web: x"


def test_a_file_larger_than_is_read_is_named_and_not_read(tmp_path):
    file = tar(tmp_path, ("requirements.txt", b"x" * 50, 0o644), ("Procfile", b"web: x", 0o644))
    assert texts(file, lambda name: True, 20) == {"requirements.txt": b"", "Procfile": b"web: x"}


@pytest.mark.parametrize("data", [b"", b"no archive at all", b"PK\x03\x04 and then nothing", b"\x1f\x8b\x08\x00"])
def test_what_is_no_archive_is_refused_in_words(tmp_path, data):
    file = tmp_path / "x"
    file.write_bytes(data)
    with pytest.raises(BadArchive, match=r"neither .tar.gz nor .zip"):
        texts(file, lambda name: True, 10)


def test_more_than_may_be_unpacked_is_refused_and_nothing_stays(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "MOST_BYTES", 10)
    sources = Sources(tmp_path / "sources")
    with pytest.raises(TargetError, match="too large"):
        sources.make(Source("one", "f" * 64), tar(tmp_path, ("a", b"x" * 11, 0o644)))
    assert os.listdir(tmp_path / "sources") == []


def test_a_source_is_made_once_and_gone_when_discarded(tmp_path):
    sources = Sources(tmp_path / "sources")
    file = tar(tmp_path, ("a", b"x", 0o644), ("b", b"y", 0o644))
    place = sources.make(Source("one", Artefacts(tmp_path / "store").put(file)), file)
    (place / "written").write_text("by the app")
    assert sources.make(Source("one", "f" * 64), file) == place
    assert (place / "written").exists()
    sources.discard("one")
    sources.discard("one")
    assert not place.exists()
