"""/help/: every document answers to everybody, its links stay inside, its pictures come."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from lib.pages.markdown import anchor_of, rendered
from server.help.documents import DOCUMENTS

pytestmark = pytest.mark.django_db


def test_the_list_names_every_document() -> None:
    page = Client().get("/help/").content.decode()
    for document in DOCUMENTS.values():
        assert f'href="{document.url}"' in page


@pytest.mark.parametrize("name", DOCUMENTS)
def test_each_answers_and_its_links_and_pictures_too(name: str) -> None:
    client = Client()
    answer = client.get(f"/help/{name}/")
    assert answer.status_code == 200
    page = answer.content.decode()
    article = page.partition('<article class="prose">')[2].partition("</article>")[0]
    assert "<h1" in article
    for address in set(re.findall(r'(?:href|src)="(/help/[^"#]*)', article)):
        assert client.get(address).status_code == 200, address
    assert not re.findall(r'(?:href|src)="(?!/|#|https?://)([^"]+\.(?:md|png|svg))"', article), "a link that leads out"


@pytest.mark.parametrize("path", ["/help/nothing/", "/help/pictures/nothing.png", "/help/pictures/..%2FREADME.md"])
def test_what_is_not_there_is_not_found(path: str) -> None:
    assert Client().get(path).status_code == 404


def test_headings_have_the_addresses_that_code_hosts_give_them() -> None:
    page = rendered("# One\n\n## What `push` reads, and why?\n\ntext\n\n### Deeper\n")
    assert page.title == "One"
    assert [(heading.anchor, heading.text) for heading in page.headings] == [
        ("what-push-reads-and-why", "What push reads, and why?")
    ]
    assert 'id="what-push-reads-and-why"' in page.html
    assert anchor_of("Числа: 10 %") == "числа-10"
