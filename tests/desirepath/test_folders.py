"""A folder packed to be handed in: what goes along, what does not, and what is refused before anything is sent."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import tarfile
from pathlib import Path

import pytest

from desirepath import folders
from desirepath.folders import BadFolder, at_hand, is_git, listed, name_of, packed
from tests.apps import write_app


def digest(folder: Path) -> str:
    with packed(folder) as file:
        return hashlib.sha256(file.read_bytes()).hexdigest()


def git(folder: Path, *words: str) -> None:
    who = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
    subprocess.run(["git", *who, *words], cwd=folder, check=True, capture_output=True)


def names(folder: Path) -> list[str]:
    return [str(path) for path in listed(folder)]


def test_the_same_folder_gives_the_same_file_whenever_and_wherever(tmp_path):
    first, second = write_app(tmp_path / "a" / "shop"), write_app(tmp_path / "b" / "shop")
    os.utime(second / "web.py", (1, 1))
    assert digest(first) == digest(second)
    (second / "says.txt").write_text("two")
    assert digest(first) != digest(second)


def test_what_is_made_and_where_secrets_are_stays_at_home(tmp_path):
    folder = write_app(tmp_path / "shop")
    for name in (".env", ".venv/bin/python", "node_modules/x/y.js", "__pycache__/web.pyc", ".git/HEAD", "src/m.py"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("x")
    assert names(folder) == ["Procfile", "says.txt", "src/m.py", "web.py"]


def test_the_browser_leaves_out_the_same_and_takes_as_much():
    script = (Path(__file__).parents[2] / "static" / "js" / "folder.js").read_text()
    named = re.search(r"LEFT_OUT = new Set\(\[(.*?)\]", script, re.DOTALL)
    assert named
    assert set(re.findall(r'"([^"]+)"', named[1])) == folders.LEFT_OUT
    assert f"MOST = {folders.MOST >> 20} * 2 ** 20" in script


def test_under_git_its_ignore_list_counts_and_what_is_not_committed_yet_goes_along(tmp_path):
    folder = write_app(tmp_path / "shop")
    (folder / ".gitignore").write_text("*.log\nbig/\n")
    for name in ("a.log", "big/data.bin", "new.py", ".env"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("x")
    git(folder, "init", "-q")
    git(folder, "add", "Procfile", "says.txt")
    (folder / "says.txt").unlink()  # deleted and not told git yet
    assert names(folder) == [".gitignore", "Procfile", "new.py", "web.py"]


def test_slugignore_leaves_out_what_is_not_needed_to_run(tmp_path):
    folder = write_app(tmp_path / "shop")
    (folder / "docs").mkdir()
    (folder / "docs" / "a.md").write_text("x")
    (folder / ".slugignore").write_text("# not needed\n/docs\n*.txt\n")
    assert names(folder) == [".slugignore", "Procfile", "web.py"]


def test_a_link_inside_goes_along_and_one_that_leads_out_is_refused(tmp_path):
    folder = write_app(tmp_path / "shop")
    (folder / "also.txt").symlink_to("says.txt")
    with packed(folder) as file, tarfile.open(file) as archive:
        assert archive.getmember("also.txt").linkname == "says.txt"
    for place in ("../other", "/etc/passwd", str(folder / "says.txt")):
        (folder / "out").symlink_to(place)
        with pytest.raises(BadFolder, match=r"out is a link that leads out of the folder.+\.slugignore"):
            listed(folder)
        (folder / "out").unlink()


def test_the_right_to_execute_is_kept_and_owner_and_time_are_not(tmp_path):
    folder = write_app(tmp_path / "shop")
    (folder / "web.py").chmod(0o755)
    os.link(folder / "web.py", folder / "hard.py")
    with packed(folder) as file, tarfile.open(file) as archive:
        item = archive.getmember("web.py")
        assert (item.mode, item.mtime, item.uid, item.uname) == (0o755, 0, 0, "")
        assert archive.getmember("hard.py").isfile()
        assert archive.getmember("says.txt").mode == 0o644


def test_a_folder_that_is_too_large_is_refused_with_the_largest_in_it(tmp_path, monkeypatch):
    monkeypatch.setattr(folders, "MOST", 3 << 20)
    folder = write_app(tmp_path / "shop")
    for name, size in (("data/a.bin", 2 << 20), ("data/b.bin", 2 << 20), ("b.bin", 1 << 20)):
        (folder / name).parent.mkdir(exist_ok=True)
        with (folder / name).open("wb") as file:
            file.truncate(size)
    with pytest.raises(BadFolder) as caught:
        listed(folder)
    assert "The folder has 5 MB; at most 3 MB" in str(caught.value)
    assert "data (4 MB), b.bin (1 MB)" in str(caught.value)
    assert ".slugignore" in str(caught.value)


def test_no_folder_and_no_procfile_are_said(tmp_path):
    with pytest.raises(BadFolder, match="is not a folder"):
        listed(tmp_path / "gone")
    with pytest.raises(BadFolder, match=r"There is no Procfile in .+web: gunicorn app:app"):
        listed(write_app(tmp_path / "shop", procfile=None))


def test_a_git_address_is_fetched_and_gone_afterwards(tmp_path):
    folder = write_app(tmp_path / "shop")
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "one")
    git(folder, "checkout", "-q", "-b", "other")
    (folder / "says.txt").write_text("other")
    git(folder, "commit", "-q", "-a", "-m", "two")
    for address, says in ((f"file://{folder}#main", "one"), (f"file://{folder}#other", "other")):
        with at_hand(address) as fetched:
            assert fetched.name == "shop"
            assert (fetched / "says.txt").read_text() == says
        assert not fetched.exists()
    with pytest.raises(BadFolder, match=r"could not be fetched"), at_hand(f"file://{folder}#gone"):
        pass


@pytest.mark.parametrize(
    ("place", "git_address", "name"),
    [
        ("https://example.org/shop/guestbook.git", True, "guestbook"),
        ("git@example.org:shop/guestbook.git", True, "guestbook"),
        ("https://example.org/guestbook#main", True, "guestbook"),
        ("apps/guestbook/", False, "guestbook"),
    ],
)
def test_it_is_called_after_the_last_part_of_where_it_is(place, git_address, name):
    assert (is_git(place), name_of(place)) == (git_address, name)


def test_here_is_called_after_the_folder_one_is_in(tmp_path, monkeypatch):
    monkeypatch.chdir(write_app(tmp_path / "shop"))
    assert name_of(".") == "shop"
