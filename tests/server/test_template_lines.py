"""Templates, style sheets and scripts can be read: short lines, one element a line, formatted by their tools."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.formatting import CHECKOUT, SCRIPTS, SHEETS, TEMPLATES, as_written

LONGEST = 140
# What a browser puts on lines of its own. An inline element may follow another: a space between them would be seen.
BLOCKS = re.compile(
    r"<(?:article|aside|blockquote|details|dd|dialog|div|dl|dt|fieldset|footer|form|h[1-6]|header|legend|li|main|nav"
    r"|ol|p|section|summary|table|tbody|td|th|thead|tr|ul)\b"
)


def lines(paths: list[Path]) -> Iterator[tuple[str, str]]:
    for path in paths:
        for number, line in enumerate(path.read_text().splitlines(), 1):
            yield f"{path.relative_to(CHECKOUT)}:{number}", line


def test_there_are_templates_and_style_sheets():
    assert len(TEMPLATES) > 100
    assert len(SHEETS) > 3
    assert len(SCRIPTS) > 3


def test_no_line_is_too_long():
    assert [where for where, line in lines([*TEMPLATES, *SHEETS, *SCRIPTS]) if len(line) > LONGEST] == []


def test_a_line_begins_at_most_one_block():
    assert [where for where, line in lines(TEMPLATES) if len(BLOCKS.findall(line)) > 1] == []


@pytest.mark.parametrize("sheet", SHEETS, ids=lambda path: path.name)
def test_a_style_sheet_has_one_declaration_a_line(sheet):
    assert as_written(sheet.read_text()) == sheet.read_text(), "python -m tests.formatting writes it"
