"""The shelf, from the page to the file."""

import os
import tempfile
import unittest
from datetime import datetime, timedelta
from pathlib import Path
from unittest.mock import patch

from shelf import VERSION, create_app
from shelf.store import FIRST, Shelf


class ShelfTest(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.shelf = Shelf(str(Path(folder.name) / "shelf.sqlite3"), days=14)
        self.shelf.prepare()
        with patch.dict(os.environ, {"SECRET_KEY": "of no use anywhere else"}):
            self.browser = create_app(self.shelf).test_client()

    def page(self) -> str:
        return self.browser.get("/").get_data(as_text=True)

    def test_everything_is_there_at_first_and_the_page_says_its_version(self) -> None:
        page = self.page()
        for name, _ in FIRST:
            assert name in page
        assert f"Version {VERSION}" in page

    def test_preparing_twice_doubles_nothing_and_keeps_who_has_what(self) -> None:
        self.shelf.take(1, "Ada")
        assert self.shelf.prepare() == len(FIRST)
        assert self.shelf.get(1).taken_by == "Ada"

    def test_what_is_taken_names_who_has_it_until_it_is_back(self) -> None:
        self.browser.post("/things/1/take", data={"who": "  Ada  Weber "})
        assert "Ada Weber has it" in self.page()
        self.browser.post("/things/1/bring-back")
        assert "has it" not in self.page()

    def test_the_second_one_is_told_who_was_quicker(self) -> None:
        self.shelf.take(1, "Ada")
        answer = self.browser.post("/things/1/take", data={"who": "Bo"}, follow_redirects=True)
        assert "Ada was quicker" in answer.get_data(as_text=True)
        assert self.shelf.get(1).taken_by == "Ada"

    def test_nobody_takes_anything_without_a_name(self) -> None:
        self.browser.post("/things/1/take", data={"who": " "})
        assert self.shelf.get(1).taken_by is None

    def test_a_name_is_shown_as_text(self) -> None:
        self.browser.post("/things/1/take", data={"who": "<b>Ada</b>"})
        assert "&lt;b&gt;Ada&lt;/b&gt;" in self.page()

    def test_who_is_late_is_reminded_once(self) -> None:
        self.shelf.take(1, "Ada", datetime.now() - timedelta(days=15))
        self.shelf.take(2, "Bo")
        assert [thing.taken_by for thing in self.shelf.remind()] == ["Ada"]
        assert self.shelf.remind() == []
        assert "late, reminded on" in self.page()

    def test_what_was_never_there_is_not_found(self) -> None:
        assert self.browser.post("/things/99/take", data={"who": "Ada"}).status_code == 404
        assert self.browser.post("/things/99/bring-back").status_code == 404

    def test_while_its_database_answers_it_is_healthy_and_says_how_many_are_out(self) -> None:
        self.shelf.take(1, "Ada")
        said = {"ok": True, "version": VERSION, "things": len(FIRST), "out": 1}
        assert self.browser.get("/healthz").get_json() == said

    def test_without_its_table_it_is_not_healthy(self) -> None:
        Path(self.shelf.file).unlink()
        assert self.browser.get("/healthz").status_code == 503


if __name__ == "__main__":
    unittest.main()
