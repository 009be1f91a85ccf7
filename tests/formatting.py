"""The formatters of what the browser gets: djade for templates, css-beautify for style sheets.

`python -m tests.formatting` writes; with `--check` it only names what it would write, for `make lint` and `make test`.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cssbeautifier
import django

CHECKOUT = Path(__file__).resolve().parent.parent
TEMPLATES = sorted((CHECKOUT / "templates").rglob("*.html"))
SHEETS = sorted((CHECKOUT / "static" / "css").glob("*.css"))
SCRIPTS = sorted((CHECKOUT / "static" / "js").glob("*.js"))
DJADE = [str(Path(sys.executable).parent / "djade"), "--target-version", "{}.{}".format(*django.VERSION)]


def as_written(sheet: str) -> str:
    """A style sheet with one declaration a line."""
    options = cssbeautifier.default_options()
    options.indent_size = 2
    options.end_with_newline = True
    options.newline_between_rules = False
    options.space_around_combinator = True
    return str(cssbeautifier.beautify(sheet, options))


def main() -> int:
    check = "--check" in sys.argv
    command = [*DJADE, *(["--check"] if check else []), *(str(path) for path in TEMPLATES)]
    wrong = subprocess.run(command, check=False).returncode != 0 and check
    for path in SHEETS:
        sheet = path.read_text()
        if (formatted := as_written(sheet)) == sheet:
            continue
        if check:
            print(f"Would reformat: {path.relative_to(CHECKOUT)}")
            wrong = True
        else:
            path.write_text(formatted)
    if wrong:
        print("To format them: python -m tests.formatting")
    return int(wrong)


if __name__ == "__main__":
    sys.exit(main())
