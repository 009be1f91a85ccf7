"""The app's changed copy: it says another version, and the app itself stays as it is."""

import json
import sys

from server.demo.app import APP, VERSION, copied


def test_a_changed_copy_says_its_version_and_the_app_stays_as_it_is():
    with copied("1.7") as folder:
        assert 'VERSION = "1.7"' in (folder / "shelf" / "__init__.py").read_text()
        assert (folder / "Procfile").read_text() == (APP / "Procfile").read_text()
        assert f"3.{sys.version_info.minor}\n" == (folder / ".python-version").read_text()
    assert not folder.exists()
    assert VERSION in (APP / "shelf" / "__init__.py").read_text()


def test_the_copy_leaves_out_what_a_run_by_hand_left_behind(tmp_path, monkeypatch):
    monkeypatch.setattr("server.demo.app.APP", tmp_path)
    (tmp_path / "shelf" / "__pycache__").mkdir(parents=True)
    (tmp_path / "shelf" / "__init__.py").write_text(VERSION)
    (tmp_path / "shelf.sqlite3-wal").touch()
    (tmp_path / "app.json").write_text(json.dumps({}))
    with copied("2.0") as folder:
        assert {file.name for file in folder.rglob("*")} == {".python-version", "shelf", "__init__.py", "app.json"}
