"""Which documents there are, in which order, and how their addresses become addresses of the product."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from lib.pages.markdown import Page, rendered

CHECKOUT = Path(__file__).resolve().parents[2]
PICTURES = {".png": "image/png", ".svg": "image/svg+xml"}


@dataclass(frozen=True)
class Document:
    """One page of help: a Markdown file of the checkout."""

    name: str  # its address: /help/NAME/
    file: str  # below the checkout
    about: str  # what somebody finds there

    @property
    def url(self) -> str:
        return f"/help/{self.name}/"

    @property
    def path(self) -> Path:
        return CHECKOUT / self.file

    @property
    def page(self) -> Page:
        return _page(self)


GROUPS: dict[str, tuple[Document, ...]] = {
    "Start": (
        Document("tutorial-ml-engineer", "docs/tutorial-ml-engineer.md", "serve a model, compare the next, go back"),
        Document("tutorial-app-developer", "docs/tutorial-app-developer.md", "push a folder, set it up, go back"),
        Document("readme", "README.md", "what Desirepath is, and its commands"),
    ),
    "Look up": (
        Document("apps", "docs/apps.md", "what a push reads, and what happens then"),
        Document("template", "docs/template.md", "how a workflow template is written"),
        Document("environment", "docs/environment.md", "every environment variable"),
        Document("glossary", "docs/glossary.md", "one word for one thing"),
        Document("changelog", "CHANGELOG.md", "what came when"),
    ),
    "Run it and build it": (
        Document("debugging", "docs/debugging.md", "why a run waits or failed"),
        Document("architecture", "ARCHITECTURE.md", "the rooms, and how a run goes on"),
        Document("why", "docs/why.md", "five decisions with their reasons"),
        Document("contributing", "CONTRIBUTING.md", "set up, test, and where a change goes"),
        Document("kills", "docs/kills.md", "what ending processes by force costs"),
        Document("engine-benchmark", "docs/engine-benchmark.md", "the engine beside others"),
    ),
}
DOCUMENTS = {document.name: document for group in GROUPS.values() for document in group}


@cache
def _page(document: Document) -> Page:
    return rendered(document.path.read_text(), lambda address: ours(address, document))


def ours(address: str, document: Document) -> str:
    """An address of a document as one of the product: another document, or a picture beside it."""
    target, sign, anchor = address.partition("#")
    if "://" in target or target.startswith("/") or not target:
        return address
    place = (document.path.parent / target).resolve()
    for other in DOCUMENTS.values():
        if other.path == place:
            return f"{other.url}{sign}{anchor}"
    return f"/help/pictures/{place.name}" if place.suffix in PICTURES else address


def picture(name: str) -> Path | None:
    """A picture of docs/ by its name; None for what is none."""
    path = CHECKOUT / "docs" / name
    return path if path.suffix in PICTURES and path.parent == CHECKOUT / "docs" and path.is_file() else None
