"""The course: a flow drawn in the orienteering map's signs, as SVG, laid out from the tree.

Pure. A triangle to start, a control circle for each step, )( for an approval, an arc for a repeat with its bound, a
fork for a choice with its condition on each branch, a double circle to finish. The line is dashed where it has not been
walked, where evidence is stale, or where a step is optional. Colours come from the page's style sheet, by class.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape

from engine.definition.flow import Branch, Choose, Foreach, Leaf, Node, Parallel, Repeat, Sequence, Sub, nodes_in
from engine.outcomes import groups_of
from lib import durations

R = 18.0  # radius of a control
LINE = 16.0  # height of a line of text
GAP = 14.0  # straight line between two controls, at the least
FORK = 32.0  # width in which a line forks or joins
FRAME = 12.0  # air inside the frame of a foreach or a sub-template
LANE = 14.0  # air between two branches


@dataclass(frozen=True)
class Mark:
    """What a page says of one step in the drawing."""

    state: str = ""  # a mark of engine.statuses.MARKS, or "" where nothing has run
    note: str = ""  # small, under the label
    people: int | None = None  # pips: how many of `of` people were seen doing this
    of: int = 0
    count: int = 0  # observations
    href: str = ""
    dashed: bool = False
    current: bool = False


@dataclass(frozen=True)
class Box:
    """The room a node takes: its width, and how far it reaches above and below its line."""

    width: float
    up: float
    down: float


@dataclass
class Canvas:
    marks: Mapping[str, Mark]
    walked: bool  # whether lines not walked yet are dashed: on a run
    lines: list[str] = field(default_factory=list)
    signs: list[str] = field(default_factory=list)

    def line(self, d: str, *, dashed: bool = False, arrow: bool = False) -> None:
        end = ' marker-end="url(#course-arrow)"' if arrow else ""
        self.lines.append(f'<path class="course-line{" dashed" if dashed else ""}" d="{d}"{end}/>')

    def text(self, x: float, y: float, words: str, kind: str = "label", anchor: str = "middle") -> None:
        self.signs.append(
            f'<text class="course-{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>'
        )

    def lines_of_text(self, x: float, y: float, lines: list[str], kind: str) -> None:
        """One text on several lines, so that it is read and copied as one."""
        spans = " ".join(
            f'<tspan x="{x:.1f}" y="{y + LINE * i:.1f}">{escape(words)}</tspan>' for i, words in enumerate(lines)
        )
        self.signs.append(f'<text class="course-{kind}" text-anchor="middle">{spans}</text>')

    def pending(self, node: Node) -> bool:
        """Whether the line into this node is drawn dashed."""
        first = next((n for _, n in nodes_in(node) if isinstance(n, Leaf)), None)
        if first is None:
            return False
        mark = self.marks.get(first.id, Mark())
        return mark.dashed or (self.walked and mark.state in ("", "quiet"))


def course(
    root: Node,
    marks: Mapping[str, Mark] | None = None,
    *,
    title: str = "Flow",
    walked: bool = False,
    done: bool = False,
) -> str:
    """The whole drawing. `walked`: a run, so dash what is still to come; `done`: the finish is reached."""
    canvas = Canvas(marks or {}, walked)
    box = _measure(root, canvas)
    base = max(box.up, 30.0) + 8
    start, end = 22.0, 22.0 + R + GAP + box.width + GAP + R + 6
    canvas.line(f"M{start + 16:.1f} {base:.1f}H{start + R + GAP:.1f}", dashed=canvas.pending(root))
    _draw(root, start + R + GAP, base, canvas)
    canvas.line(f"M{start + R + GAP + box.width:.1f} {base:.1f}H{end - R - 3:.1f}", dashed=walked and not done)
    width, height = end + 28, base + max(box.down, 50.0) + 4
    state = " done" if done else ""
    signs = "".join(canvas.signs)
    leaves = sum(1 for _, n in nodes_in(root) if isinstance(n, Leaf))
    return (
        f'<svg class="course" viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" height="{height:.0f}" '
        f'role="group" aria-label="{escape(title)}: a course of {leaves} steps">'
        '<defs><marker id="course-arrow" viewBox="0 0 8 8" refX="6" refY="4" markerWidth="7" markerHeight="7" '
        'orient="auto"><path class="course-arrow" d="M0 0 8 4 0 8z"/></marker></defs>'
        f'<g fill="none">{"".join(canvas.lines)}</g>'
        f'<path class="course-start" d="M{start - 2:.1f} {base - 17:.1f}l18 32h-36z"/>{signs}'
        f'<circle class="course-finish{state}" cx="{end:.1f}" cy="{base:.1f}" r="{R + 2}"/>'
        f'<circle class="course-finish{state}" cx="{end:.1f}" cy="{base:.1f}" r="{R - 6}"/>'
        f'<text class="course-label" x="{end:.1f}" y="{base + R + 22:.1f}" text-anchor="middle">done</text></svg>'
    )


# --- measuring -------------------------------------------------------------------------------------------------------


def _measure(node: Node, canvas: Canvas) -> Box:
    match node:
        case Leaf():
            return _leaf_box(node, canvas)
        case Sequence(children=nodes):
            boxes = [_measure(child, canvas) for child in nodes]
            width = sum(b.width for b in boxes) + GAP * max(0, len(boxes) - 1)
            return Box(width or GAP, max((b.up for b in boxes), default=8), max((b.down for b in boxes), default=8))
        case Parallel(branches=branches):
            return _stack_box([_measure(b, canvas) for b in branches], 0)
        case Choose():
            return _stack_box([_measure(b.flow, canvas) for b in node.branches], LINE)
        case Sub():
            return _framed(_measure(node.flow, canvas))
        case Foreach():
            return _framed(_measure(node.flow, canvas))
        case Repeat():
            flow, again = _measure(node.flow, canvas), _measure(node.again, canvas)
            has_again = node.again != Sequence()
            above = flow.up + (again.up + again.down + LANE if has_again else 34) + LINE
            return Box(max(flow.width, again.width if has_again else 0) + 36, above, flow.down)


def _framed(inner: Box) -> Box:
    """A frame around it, with a line of text above."""
    return Box(inner.width + 2 * FRAME, inner.up + FRAME + LINE, inner.down + FRAME / 2)


def _leaf_box(leaf: Leaf, canvas: Canvas) -> Box:
    lines = label_lines(leaf.name)
    mark = canvas.marks.get(leaf.id, Mark())
    small = [t for t in (mark.note, "evidence" if mark.people is not None else "") if t]
    width = max(68.0, *(6.4 * len(line) + 8 for line in lines), 5.8 * len(_cut(mark.note)) + 6)
    return Box(width, R + 6, R + 8 + LINE * len(lines) + LINE * len(small))


def _stack_box(boxes: list[Box], label: float) -> Box:
    """Branches above one another, the line in their middle."""
    height = sum(b.up + b.down + label for b in boxes) + LANE * (len(boxes) - 1)
    up = max(boxes[0].up, height / 2) if len(boxes) % 2 == 0 else _odd_up(boxes, label)
    return Box(max(b.width for b in boxes) + 2 * FORK, up, height - up)


def _odd_up(boxes: list[Box], label: float) -> float:
    middle = len(boxes) // 2
    return sum(b.up + b.down + label + LANE for b in boxes[:middle]) + boxes[middle].up + label


def label_lines(name: str, longest: int = 16) -> list[str]:
    """A label broken into at most three lines at spaces; what is longer ends in an ellipsis."""
    lines: list[str] = []
    for word in name.split():
        if lines and len(lines[-1]) + 1 + len(word) <= longest:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    if len(lines) > 3:
        lines = [*lines[:2], f"{lines[2][: longest - 1]}…"]
    return [line if len(line) <= 24 else f"{line[:23]}…" for line in lines] or [""]


# --- drawing ---------------------------------------------------------------------------------------------------------


def _draw(node: Node, x: float, y: float, canvas: Canvas) -> float:
    """Draw the node with its line entering at (x, y); returns its width."""
    box = _measure(node, canvas)
    match node:
        case Leaf():
            _draw_leaf(node, x, y, box, canvas)
        case Sequence(children=nodes):
            _draw_sequence(nodes, x, y, canvas)
        case Parallel(branches=branches):
            _draw_stack([(b, "") for b in branches], x, y, box, canvas, 0)
        case Choose():
            named = [(b.flow, b.label or branch_words(b)) for b in node.branches]
            _draw_stack(named, x, y, box, canvas, LINE)
        case Repeat():
            _draw_repeat(node, x, y, box, canvas)
        case Foreach():
            words = f"for each {node.name}, {at_once(node.max_parallel)}"
            _draw_frame(node.flow, words, x, y, box, canvas, " each")
        case Sub():
            _draw_frame(node.flow, node.title or node.template.replace("-", " "), x, y, box, canvas)
    return box.width


def at_once(number: int) -> str:
    return "one after another" if number == 1 else f"{number} at a time"


def branch_words(branch: Branch) -> str:
    match branch.on:
        case {"event": name}:
            return f"when told {name}"
        case {"after": seconds}:
            text = durations.in_words(float(seconds)) if isinstance(seconds, int | float) else condition(seconds)
            return f"after {text}"
        case {"approve": form}:
            return f"{' or '.join(groups_of((form or {}).get('by'), 'champion'))} says so"
        case _:
            return condition(branch.when)


def _draw_frame(inner: Node, words: str, x: float, y: float, box: Box, canvas: Canvas, kind: str = "") -> None:
    size = _measure(inner, canvas)
    dashed = canvas.pending(inner)
    canvas.lines.append(
        f'<rect class="course-frame{kind}" x="{x + 2:.1f}" y="{y - box.up + LINE:.1f}" width="{box.width - 4:.1f}" '
        f'height="{box.up + box.down - LINE:.1f}" rx="8"/>'
    )
    canvas.text(x + box.width / 2, y - box.up + LINE - 5, _cut(words, 44), "note")
    canvas.line(f"M{x:.1f} {y:.1f}h{FRAME}M{x + FRAME + size.width:.1f} {y:.1f}h{FRAME}", dashed=dashed)
    _draw(inner, x + FRAME, y, canvas)


def condition(when: str | None) -> str:
    if when is None:
        return "otherwise"
    text = when.replace("${{", "").replace("}}", "").strip()
    text = text.replace("steps.", "").replace(".outputs.", " ").replace("_", " ")
    return text if len(text) <= 44 else f"{text[:43]}…"


def _draw_sequence(nodes: tuple[Node, ...], x: float, y: float, canvas: Canvas) -> None:
    if not nodes:
        canvas.line(f"M{x:.1f} {y:.1f}h{GAP}", dashed=True)
    for i, child in enumerate(nodes):
        if i:
            canvas.line(f"M{x:.1f} {y:.1f}h{GAP}", dashed=canvas.pending(child))
            x += GAP
        x += _draw(child, x, y, canvas)


def _draw_leaf(leaf: Leaf, x: float, y: float, box: Box, canvas: Canvas) -> None:
    mark = canvas.marks.get(leaf.id, Mark())
    cx, dashed = x + box.width / 2, canvas.pending(leaf)
    reach = 12 if leaf.uses == "approve" else R
    canvas.line(f"M{x:.1f} {y:.1f}H{cx - reach:.1f}M{cx + reach:.1f} {y:.1f}H{x + box.width:.1f}", dashed=dashed)
    lines, note = label_lines(leaf.name), _cut(mark.note)
    if mark.href:
        words = " ".join(lines) + (f": {mark.state}" if mark.state else "")
        canvas.signs.append(f'<a href="{escape(mark.href)}" aria-label="{escape(words)}">')
    canvas.signs.append(f"<title>{escape(leaf.name)}</title>{_sign(leaf, mark, cx, y)}")
    canvas.lines_of_text(cx, y + R + 20, lines, "label here" if mark.current else "label")
    if mark.href:
        canvas.signs.append("</a>")
    below = y + R + 20 + LINE * len(lines)
    if note:
        canvas.text(cx, below, note, "note")
        below += LINE
    if mark.people is not None:
        canvas.signs.append(_pips(mark, cx, below))


def _cut(text: str, longest: int = 26) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def _pips(mark: Mark, x: float, y: float) -> str:
    """A full dot for each person who was seen, a hollow one for each who was not, then how often."""
    if not mark.people:
        return f'<text class="course-note" x="{x:.1f}" y="{y:.1f}" text-anchor="middle">nobody seen yet</text>'
    total = max(mark.people, mark.of)
    if total > 9:  # nobody counts more dots
        words = f"{mark.people}/{total} · {mark.count}"
        return f'<text class="course-evidence" x="{x:.1f}" y="{y:.1f}" text-anchor="middle">{words}</text>'
    number = f"{mark.count:,}"
    left = x - (total * 9 + 5 + 6.4 * len(number)) / 2 + 4
    dots = "".join(
        f'<circle class="course-pip{"" if i < mark.people else " o"}" cx="{left + 9 * i:.1f}" cy="{y - 4:.1f}" r="3"/>'
        for i in range(total)
    )
    title = f"{mark.people} of {total} people, {mark.count} observations"
    return (
        f'<g role="img" aria-label="{title}">{dots}<text class="course-evidence" x="{left + 9 * total + 2:.1f}" '
        f'y="{y:.1f}">{number}</text></g>'
    )


def _sign(leaf: Leaf, mark: Mark, cx: float, cy: float) -> str:
    state = f" {mark.state}" if mark.state else ""
    if leaf.uses == "approve":
        halves = f"M{cx - 10:.1f} {cy - 17:.1f}q12 17 0 34M{cx + 10:.1f} {cy - 17:.1f}q-12 17 0 34"
        return f'<path class="course-crossing{state}" d="{halves}"/>'
    dash = " dashed" if mark.dashed else ""
    circle = f'<circle class="course-control{state}{dash}" cx="{cx:.1f}" cy="{cy:.1f}" r="{R}"/>'
    if mark.state == "done":
        return circle + f'<path class="course-tick" d="M{cx - 8:.1f} {cy:.1f}l6 6 11-12"/>'
    if mark.state == "failed":
        return circle + f'<path class="course-tick" d="M{cx - 6:.1f} {cy - 6:.1f}l12 12m0-12l-12 12"/>'
    if leaf.uses == "manual":
        return circle + f'<circle class="course-person{state}" cx="{cx:.1f}" cy="{cy:.1f}" r="4"/>'
    return circle


def _draw_stack(branches: list[tuple[Node, str]], x: float, y: float, box: Box, canvas: Canvas, label: float) -> None:
    top, inner = y - box.up, box.width - 2 * FORK
    for node, words in branches:
        size = _measure(node, canvas)
        lane = top + label + size.up
        dashed = canvas.pending(node) or node == Sequence()
        half = FORK / 2
        left, right = x + FORK, x + FORK + inner
        canvas.line(
            f"M{x:.1f} {y:.1f}C{x + half:.1f} {y:.1f} {x + half:.1f} {lane:.1f} {left:.1f} {lane:.1f}", dashed=dashed
        )
        begin = left + (inner - size.width) / 2
        canvas.line(
            f"M{left:.1f} {lane:.1f}H{begin:.1f}M{begin + size.width:.1f} {lane:.1f}H{right:.1f}", dashed=dashed
        )
        _draw(node, begin, lane, canvas)
        end = x + box.width
        canvas.line(
            f"M{right:.1f} {lane:.1f}C{right + half:.1f} {lane:.1f} {right + half:.1f} {y:.1f} {end:.1f} {y:.1f}",
            dashed=dashed,
        )
        if words:
            canvas.text((left + right) / 2, lane - R - 8, words, "note")
        top += size.up + size.down + label + LANE


def _draw_repeat(node: Repeat, x: float, y: float, box: Box, canvas: Canvas) -> None:
    flow, again = _measure(node.flow, canvas), _measure(node.again, canvas)
    left, right = x + 8, x + box.width - 8
    dashed = canvas.pending(node.flow)
    begin = x + (box.width - flow.width) / 2
    canvas.line(f"M{x:.1f} {y:.1f}H{begin:.1f}", dashed=dashed)
    _draw(node.flow, begin, y, canvas)
    canvas.line(f"M{begin + flow.width:.1f} {y:.1f}H{x + box.width:.1f}", dashed=dashed)
    words = f"again, at most {node.at_most}" if node.at_most > 1 else "once"
    if node.again == Sequence():
        over = y - flow.up - 24
        canvas.line(
            f"M{right:.1f} {y:.1f}V{over + 16:.1f}q0 -16 -16 -16H{left + 16:.1f}q-16 0 -16 16V{y - 4:.1f}", arrow=True
        )
        canvas.text((left + right) / 2, over - 6, words, "note")
        return
    lane = y - flow.up - again.down - LANE
    inner = left + (right - left - again.width) / 2
    back = canvas.pending(node.again)
    canvas.line(f"M{right:.1f} {y:.1f}V{lane + 16:.1f}q0 -16 -16 -16H{inner + again.width:.1f}", dashed=back)
    _draw(node.again, inner, lane, canvas)
    canvas.line(f"M{inner:.1f} {lane:.1f}H{left + 16:.1f}q-16 0 -16 16V{y - 4:.1f}", dashed=back, arrow=True)
    canvas.text((left + right) / 2, lane - again.up - 4, words, "note")
