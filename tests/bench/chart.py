"""The chart of the bench: a row an engine, a dot on a logarithmic scale, the figure beside it. Readable on dark too."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

PANELS = {
    "sequence 400": "A sequential step of 400, ms (less is better; all scales are logarithmic)",
    "many": "200 three-step runs at once, steps a second (more is better)",
    "resume": "From kill −9 to the next step, s (less is better)",
    "idle memory": "Standing idle, MB (less is better)",
}
Row = tuple[str, float | None, str]  # an engine, its figure, the figure in words
WIDTH, LINE, LEFT, RIGHT = 760, 24, 250, 130  # LEFT for names, RIGHT for figures
STYLE = """
.ground { fill: #ffffff; }
svg { font: 14px "Source Sans 3", "Source Sans Pro", system-ui, sans-serif; font-variant-numeric: tabular-nums; }
text { fill: #19201c; } .quiet { fill: #4f5a54; } .ours text { font-weight: 600; fill: #9c1f88; }
.title { font-weight: 650; } line { stroke: #d9dfda; } circle { fill: #67716b; } .ours circle { fill: #9c1f88; }
@media (prefers-color-scheme: dark) {
  text { fill: #e7ece8; } .quiet { fill: #a7b1ab; } .ours text, .ours circle { fill: #e48bd5; }
  line { stroke: #313834; } circle { fill: #8f9a94; } .ground { fill: #1a1f1c; }
}
"""


def draw(panels: Sequence[tuple[str, Sequence[Row]]]) -> str:
    parts, y = [], 12
    for title, rows in panels:
        parts.append(f'<text class="title" x="16" y="{y + 18}">{escape(title)}</text>')
        parts += _panel(rows, y + 40)
        y += 40 + LINE * len(rows) + 16
    size = f'viewBox="0 0 {WIDTH} {y}" width="{WIDTH}" height="{y}"'
    ground = f'<rect class="ground" width="{WIDTH}" height="{y}"/>'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img"><title>The engine and its peers</title>'
        f"<style>{STYLE}</style>{ground}\n" + "\n".join(parts) + "\n</svg>\n"
    )


def _panel(rows: Sequence[Row], top: int) -> list[str]:
    found = [value for _, value, _ in rows if value]
    low, high = (min(found), max(found)) if found else (1.0, 1.0)
    return [_row(row, top + LINE * i, low, high) for i, row in enumerate(rows)]


def _row(row: Row, y: int, low: float, high: float) -> str:
    name, value, words = row
    ours = ' class="ours"' if name.startswith("Desirepath") else ""
    line = f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}"/>'
    dot = f'<circle cx="{_x(value, low, high):.1f}" cy="{y}" r="5"/>' if value else ""
    said = f'<text{"" if value else QUIET} x="{WIDTH - RIGHT + 14}" y="{y + 5}">{escape(words)}</text>'
    return f'<g{ours}><text x="16" y="{y + 5}">{escape(name)}</text>{line}{dot}{said}</g>'


QUIET = ' class="quiet"'


def _x(value: float, low: float, high: float) -> float:
    room = WIDTH - RIGHT - LEFT - 20
    return LEFT + 10 + (room * math.log(value / low) / math.log(high / low) if high > low else room / 2)
