"""The code blocks of our documents, and running those of a page in order as a reader would."""

from __future__ import annotations

import fnmatch
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
PAGES = [CHECKOUT / "README.md", CHECKOUT / "CONTRIBUTING.md", *sorted((CHECKOUT / "docs").glob("*.md"))]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Code:
    language: str
    text: str
    line: int  # where the block begins, counted from 1


def blocks(page: Path) -> list[Code]:
    text = page.read_text()
    return [Code(m[1], m[2], text.count("\n", 0, m.start()) + 1) for m in FENCE.finditer(text)]


def run_shell(code: Code, folder: Path, env: Mapping[str, str], kept: Path) -> str:
    """What a block prints, run by bash in this folder. Variables that earlier blocks set are there: `kept` has them."""
    script = f"[ -f {kept} ] && . {kept}\nset -eu\n{code.text}\ndeclare -p ADDRESS RUN > {kept} 2>/dev/null || true\n"
    done = subprocess.run(
        ["bash", "-c", script], cwd=folder, env=dict(env), capture_output=True, text=True, timeout=900, check=False
    )
    assert done.returncode == 0, f"line {code.line}:\n{code.text}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def compare(shown: Code, printed: str) -> None:
    """What the document shows stands in what was printed, line by line and in this order; … is anything."""
    wanted = [line for line in shown.text.splitlines() if line.strip() not in ("", "…")]
    lines = iter(printed.splitlines())
    for line in wanted:
        pattern = re.sub(r"([\[\]?*])", r"[\1]", line).replace("…", "*")
        assert any(fnmatch.fnmatch(found, pattern) for found in lines), f"“{line}” is not in:\n{printed}"
