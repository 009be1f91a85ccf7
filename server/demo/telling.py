"""The demo's output: chapters, lines, a run's events, a flow in one line."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console
from rich.markup import escape

from desirepath import words
from desirepath.client import Json
from engine.definition.flow import Choose, Foreach, Leaf, Node, Parallel, Repeat, Sequence, Sub
from lib import durations


@dataclass
class Telling:
    out: Console
    began: float = field(default_factory=time.monotonic)
    chapters: int = 0

    @contextmanager
    def chapter(self, title: str) -> Iterator[None]:
        start = time.monotonic()
        self.chapters += 1
        sign = "△" if self.chapters == 1 else "○"
        self.out.print(f"\n[magenta]{sign}[/] [bold]{self.chapters} · {title}[/]")
        yield
        self.out.print(f"  [dim]{words.duration(time.monotonic() - start)}[/]")

    def say(self, text: str = "") -> None:
        self.out.print(f"  {text}" if text else "")

    def plain(self, text: str) -> None:
        """Somebody else's words, as they are."""
        self.out.print(f"    {text}", markup=False)

    def event(self, event: Json) -> None:
        """What happened in a run, if it is worth a line."""
        kind, leaf = event["kind"], event["leaf"]
        if kind in ("step.succeeded", "step.failed", "step.skipped", "step.retrying") and leaf:
            self.say(f"{words.sign(kind.split('.')[1])} {leaf:<11} {escape(event['text'])}")
        elif kind == "step.log":
            self.say(f"[dim]  {leaf:<11} {escape(event['text'])}[/]")
        elif kind == "traffic.shifted" and event["text"]:
            self.say(f"[blue]⇉[/] {'':<11} {escape(event['text'])}")

    def answered(self, leaf: str, text: str) -> None:
        """A person's answer, given by this script."""
        self.say(f"[yellow]■[/] {leaf:<11} {text}")


def outline(node: Node) -> str:
    """A flow in one line: steps by arrows, what runs at once in brackets, what repeats with its bound."""
    match node:
        case Leaf():
            return node.name
        case Sequence(children=nodes):
            return " → ".join(outline(child) for child in nodes) or "nothing"
        case Parallel(branches=branches):
            return f"[{' ‖ '.join(outline(b) for b in branches)}]".replace("[", r"\[")
        case Choose():
            return f"({' | '.join(outline(b.flow) for b in node.branches)})"
        case Foreach():
            return f"(for each {node.name}: {outline(node.flow)})"
        case Sub():
            return outline(node.flow)
        case Repeat():
            again = f" ⟲ {outline(node.again)}" if node.again != Sequence() else ""
            return f"({outline(node.flow)}{again}, at most {node.at_most})"


def milliseconds(value: float | None) -> str:
    return durations.in_words(value / 1000) if value is not None else "–"
