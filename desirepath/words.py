"""How the terminal says things: one line a fact, the state as a sign and a word."""

from __future__ import annotations

import json
from typing import Any

from rich.markup import escape

Json = dict[str, Any]
SIGNS = {
    "succeeded": "[green]●[/]", "done": "[green]◎[/]", "met": "[green]●[/]", "ready": "[green]●[/]",
    "running": "[blue]○[/]", "starting": "[blue]○[/]",
    "deployed": "[blue]○[/]", "waiting": "[yellow]■[/]", "open": "[yellow]■[/]", "needs": "[yellow]■[/]",
    "failed": "[red]×[/]", "regressed": "[red]×[/]", "cancelled": "[dim]–[/]", "skipped": "[dim]–[/]",
}  # fmt: skip


def sign(state: str) -> str:
    return SIGNS.get(state, "[dim]·[/]")


def duration(seconds: float | None) -> str:
    if seconds is None:
        return ""
    if seconds < 90:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def standing(run: Json, deployment: Json | None) -> str:
    """The last line of `serve`: how far it is from done, and what it waits for."""
    if deployment is None:
        return str(run["state"])
    met, of = deployment["done"]["met"], deployment["done"]["of"]
    parts = ["answering", f"{met} of {of} done" if of else "not judged yet"]
    waits = [f"{s['asking']['by']}: {s['asking']['question']}" for s in run["steps"] if s["asking"]]
    waits += [s["note"] for s in run["steps"] if s["state"] == "waiting" and not s["asking"] and s["note"]]
    waits += [s["waits"].removeprefix("waits: ") for s in run["steps"] if s.get("waits")]
    if not waits and run["state"] in ("succeeded", "failed", "cancelled"):
        waits = [c["title"] for c in deployment.get("criteria", []) if c["state"] != "met"]
    return " · ".join([*parts, *([f"waiting: {'; '.join(waits)}"] if waits else [])])


def step_line(step: Json) -> str:
    """A step: its sign, id, title, time, and what it waits for, from whom."""
    name = step["title"] + (f" (round {step['iteration']})" if step["iteration"] else "")
    asks = step["asking"]
    asked = f"{asks['by']}: {asks['question']}" if asks else ""
    why = step.get("waits") or asked or step["note"] or step["reason"]
    state = "" if step["state"] == "ready" else step["state"]  # ready to begin, where a release is ready to answer
    return f"{sign(state)} {step['leaf'] or '':<12} {name:<28} {duration(step['seconds']):>8}  {why}"


def thread(links: list[Json]) -> list[str]:
    """A trace, one object a line, quotes with their second under the evidence."""
    lines = []
    for i, link in enumerate(links):
        mark = "◎" if i == 0 else "△" if link["kind"] == "Evidence" else "○"
        stale = f" [yellow]({link['stale']})[/]" if link.get("stale") else ""
        lines.append(f"[magenta]{mark}[/] [dim]{link['kind']:<9}[/] {link['title']} [dim]{link['detail']}[/]{stale}")
        for quote in link.get("quotes", []):
            words = f"“{quote['text']}”" if quote["text"] else f"[dim]{quote['why_not']}[/]"
            lines.append(f"  [yellow]│[/] {words}")
            lines.append(f"  [yellow]│[/] [dim]{quote['who']} · {quote['where']}[/]")
    return lines


def difference(row: Json) -> str:
    """One thing that differs between two runs: what it was, and what it is."""
    before, after = (_short(row[key]) for key in ("before", "after"))
    return f"[bold]{escape(row['where'])}[/] {row['what']}: [dim]{before}[/] → {after}"


def _short(value: Any) -> str:
    if value is None:
        return "–"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return escape(text if len(text) <= 80 else f"{text[:79]}…")
