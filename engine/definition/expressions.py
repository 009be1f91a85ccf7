"""Expressions: CEL, checked with the template and bounded in length, depth and nesting of macros.

Pure. Evaluated by the worker, never inside a transaction. Nothing is evaluated with Python.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from engine.definition.cel import Program

LONGEST_EXPRESSION = 1000  # characters
DEEPEST = 24  # brackets within brackets
_ROOTS = {"inputs", "steps", "run", "deployment", "each"}
_BRACES = re.compile(r"\$\{\{(.*?)\}\}", re.DOTALL)


class ExpressionError(ValueError):
    """The expression cannot be read or has no answer; the message says which and why."""


class Absent(ExpressionError):
    """The expression rests on something that is not there: an input not given, a step that was skipped."""


@dataclass(frozen=True)
class Reference:
    """`steps.measure.outputs.good` is Reference("steps", "measure", ("outputs", "good")); `guarded` inside `has()`."""

    root: str
    name: str
    rest: tuple[str, ...] = ()
    guarded: bool = False


@dataclass(frozen=True)
class Expression:
    text: str
    references: frozenset[Reference]
    program: Program

    def evaluate(self, context: Mapping[str, Any]) -> Any:
        """The value as plain Python. Raises Absent where it rests on something missing, else ExpressionError."""
        try:
            return self.program.evaluate(context)
        except ValueError as error:
            raise self._explain(error, context) from error

    def _explain(self, error: ValueError, context: Mapping[str, Any]) -> ExpressionError:
        for reference in sorted(self.references, key=str):
            if not reference.guarded and not _is_there(reference, context):
                name = ".".join((reference.root, reference.name, *reference.rest))
                return Absent(f"{name} is not there")
        return ExpressionError(f"“{self.text}” has no answer: {error}")


@lru_cache(maxsize=2048)
def parse(text: str) -> Expression:
    """Raises ExpressionError with a sentence for a person."""
    text = text.strip()
    if braces := _BRACES.fullmatch(text):
        text = braces.group(1).strip()
    _check_bounds(text)
    from engine.definition import cel  # takes 0.2 s, and most processes meet no expression

    try:
        program = cel.compiled(text)
    except cel.Unreadable as error:
        raise ExpressionError(f"“{text}” cannot be read as an expression: {error}") from error
    if program.nests_macros:
        raise ExpressionError(f"“{text}” nests one macro in another; one level is allowed")
    references = frozenset(
        Reference(root, name, tuple(rest), guarded) for (root, name, *rest), guarded in program.references
    )
    for reference in references:
        if reference.root not in _ROOTS and reference.root not in program.bound_names:
            raise ExpressionError(f"“{text}” names {reference.root}; an expression knows {', '.join(sorted(_ROOTS))}")
    made = Expression(text, references, program)
    if not references:
        made.evaluate({})  # so that 1 / 0 is found with the template and not in a run
    return made


def expressions_in(value: Any) -> Iterator[Expression]:
    """Every `${{ … }}` inside a document value, parsed."""
    if isinstance(value, str):
        for match in _BRACES.finditer(value):
            yield parse(match.group(1))
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from expressions_in(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from expressions_in(item)


def resolve(value: Any, context: Mapping[str, Any]) -> Any:
    """A document value with its expressions answered: a string that is one expression keeps the answer's type."""
    if isinstance(value, str):
        if whole := _BRACES.fullmatch(value.strip()):
            return parse(whole.group(1)).evaluate(context)
        return _BRACES.sub(lambda m: str(parse(m.group(1)).evaluate(context)), value)
    if isinstance(value, Mapping):
        return {key: resolve(item, context) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [resolve(item, context) for item in value]
    return value


def typed(value: Any, type_: str) -> Any:
    """A value as its declared output type, so that an integer 1 compares with 0.9."""
    if value is None:
        return None
    convert: dict[str, Callable[[Any], Any]] = {"number": float, "integer": int, "text": str, "boolean": bool}
    try:
        return convert[type_](value) if type_ in convert else value
    except (TypeError, ValueError) as error:
        raise ExpressionError(f"{value!r} is not a {type_}") from error


def _is_there(reference: Reference, context: Mapping[str, Any]) -> bool:
    value: Any = context.get(reference.root)
    for part in (reference.name, *reference.rest):
        if not isinstance(value, Mapping) or value.get(part) is None:
            return False
        value = value[part]
    return True


def _check_bounds(text: str) -> None:
    if not text:
        raise ExpressionError("an expression is empty")
    if len(text) > LONGEST_EXPRESSION:
        raise ExpressionError(f"an expression has {len(text)} characters; {LONGEST_EXPRESSION} is the most")
    depth = deepest = 0
    for character in text:
        depth += (character in "([{") - (character in ")]}")
        deepest = max(deepest, depth)
    if deepest > DEEPEST or text.count("!") + text.count("?") > 2 * DEEPEST:
        raise ExpressionError(f"an expression is nested deeper than {DEEPEST}")
