"""/help/ in a browser: readable at every width, folded on a phone, and the pictures of the documents come from here."""

import pytest
from playwright.sync_api import expect

from tests.acceptance.conftest import no_violations, shoot

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.mark.parametrize("name", ["", "environment/", "architecture/", "tutorial-app-developer/"])
def test_it_is_read_at_every_width(page, server, name):
    page.set_viewport_size({"width": 1440, "height": 900})
    page.goto(f"{server.url}/help/{name}")
    expect(page.locator("h1").first).to_be_visible()
    shoot(page, server, f"help-{name.strip('/') or 'list'}")
    for width in (1440, 1280, 390):
        page.set_viewport_size({"width": width, "height": 900})
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, f"{name} scrolls sideways at {width}"


def test_on_a_phone_the_list_of_documents_is_folded(page, server):
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{server.url}/help/apps/")
    expect(page.get_by_role("link", name="Glossary")).to_be_hidden()
    page.get_by_text("All documents").click()
    expect(page.get_by_role("link", name="Glossary")).to_be_visible()
    no_violations(page)
