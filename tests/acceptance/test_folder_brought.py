"""A folder chosen or dropped on Home is packed in the browser as the terminal packs it, and goes on like a file."""

from __future__ import annotations

import base64
import io
import tarfile
from typing import Any

import pytest
from playwright.sync_api import expect

from engine.artefacts.app_folder import MOST
from engine.artefacts.archives import texts
from engine.models import Artefact
from engine.models.artefact import store
from people.models import Persona
from server import starters
from tests.acceptance.conftest import PATIENCE, shoot, sign_in
from tests.apps import write_app

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

# What a drop hands over, made by hand: a browser lets no script make one.
PACK = """async ([files, size]) => {
  const folder = await import("/static/js/folder.js");
  const entryOf = (name, inside) => typeof inside === "string"
    ? {name, isFile: true, isDirectory: false, file: (yes) => yes(new File([inside], name))}
    : {name, isFile: false, isDirectory: true, createReader: () => {
        const rest = Object.entries(inside).map(([name, inner]) => entryOf(name, inner));
        return {readEntries: (yes) => yes(rest.splice(0, 2))};
      }};
  const found = await folder.under(entryOf("shop", files));
  if (size) Object.defineProperty(found[0].file, "size", {value: size});
  try {
    const made = await folder.packed(found);
    const bytes = new Uint8Array(await made.arrayBuffer());
    return [made.name, btoa(String.fromCharCode(...bytes))];
  } catch (error) { return [error.message, ""]; }
}"""


@pytest.fixture
def home_page(page: Any, server: Any, bob: Any, team: Any) -> Any:
    Persona.objects.bring()
    starters.bring()
    bob.persona = Persona.objects.get(slug="app-developer")
    bob.save()
    team.add(bob, "engineer")
    page.set_default_timeout(PATIENCE)
    sign_in(page, server, "bob")
    return page


def test_a_folder_that_was_chosen_is_packed_and_what_is_made_stays_at_home(home_page, server, tmp_path):
    folder = write_app(tmp_path / "shop")
    for name in (".env", "node_modules/x.js", "src/m.py"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("x")
    page = home_page
    shoot(page, server, "home-folder")
    page.locator("#folder").set_input_files(folder)
    expect(page.get_by_label("Name")).to_have_value("shop")
    kept = Artefact.objects.get()
    assert kept.name == "shop.tar.gz"
    assert sorted(texts(store().path(kept.sha256), lambda _: True, MOST)) == [
        "Procfile",
        "says.txt",
        "src/m.py",
        "web.py",
    ]


def test_a_folder_that_was_dropped_is_walked_to_its_end(home_page):
    deep = {"a" * 60: {"b" * 60: {"c.txt": "deep"}}}
    files = {"Procfile": "web: x", "run": "#!/bin/sh", ".git": {"HEAD": "x"}, "e1": "", "e2": "x" * 600, **deep}
    name, packed = home_page.evaluate(PACK, [files, 0])
    assert name == "shop.tar.gz"
    with tarfile.open(fileobj=io.BytesIO(base64.b64decode(packed))) as archive:
        found = {item.name: item for item in archive.getmembers()}
        assert sorted(found) == sorted(
            [*(f"shop/{one}" for one in ("Procfile", "run", "e1", "e2")), f"shop/{'a' * 60}/{'b' * 60}/c.txt"]
        )
        deepest = archive.extractfile(f"shop/{'a' * 60}/{'b' * 60}/c.txt")
        assert deepest is not None
        assert deepest.read() == b"deep"
        assert (found["shop/run"].mode, found["shop/Procfile"].mode) == (0o755, 0o644)


def test_a_folder_that_is_empty_or_too_large_is_refused_in_words(home_page):
    assert home_page.evaluate(PACK, [{}, 0])[0] == "There is nothing in that folder."
    said = home_page.evaluate(PACK, [{"a": "x"}, 600 * 2**20])[0]
    assert said == "The folder has 600 MB; at most 500 MB can be handed in."
