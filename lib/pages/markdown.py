"""Markdown of our own as HTML: headings with addresses, tables and code that scroll by keyboard."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

from django.utils.html import strip_tags
from django.utils.safestring import SafeString, mark_safe


@dataclass(frozen=True)
class Heading:
    """A heading below the title, with its address on the page."""

    anchor: str
    text: str


@dataclass(frozen=True)
class Page:
    title: str
    html: SafeString
    headings: tuple[Heading, ...]


def anchor_of(text: str) -> str:
    """The address of a heading, as code hosts make it: lower case, dashes for blanks, no punctuation."""
    return re.sub(r"\s+", "-", re.sub(r"[^\w\s-]", "", text.lower()).strip())


def rendered(text: str, link: Callable[[str], str] = str) -> Page:
    """A document that we wrote ourselves: nothing in it is escaped again. `link` turns its addresses into ours."""
    from markdown_it import MarkdownIt  # 0.06 s that only the pages of help need

    parser = MarkdownIt("commonmark").enable("table")
    tokens = parser.parse(text)
    title, headings = "", list[Heading]()
    for opened, inline in pairwise(tokens):
        for child in inline.children or ():
            for name in ("href", "src"):
                if child.attrs.get(name):
                    child.attrSet(name, link(str(child.attrs[name])))
        if opened.type != "heading_open":
            continue
        heading = strip_tags(parser.renderer.render([inline], parser.options, {}))
        if opened.tag == "h1":
            title = title or heading
        else:
            opened.attrSet("id", anchor_of(heading))
            headings += [Heading(anchor_of(heading), heading)] if opened.tag == "h2" else []
    html = parser.renderer.render(tokens, parser.options, {})
    html = html.replace("<pre>", '<pre tabindex="0">')  # long lines scroll, by keyboard too
    html = html.replace("<table>", '<div class="scroll" tabindex="0"><table>').replace("</table>", "</table></div>")
    return Page(title, mark_safe(html), tuple(headings))  # noqa: S308 - our own text
