"""Expressions: CEL, checked with the template and bounded in length, depth and nesting of macros.

Pure. Evaluated by the worker, never inside a transaction. Nothing is evaluated with Python.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import celpy
from celpy import celtypes
from celpy.adapter import json_to_cel
from celpy.celparser import CELParseError
from celpy.evaluation import CELEvalError
from lark import Token, Tree

LONGEST_EXPRESSION = 1000  # characters
DEEPEST = 24  # brackets within brackets
_MACROS = {"all", "exists", "exists_one", "map", "filter", "reduce", "min"}
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
    program: Any

    def evaluate(self, context: Mapping[str, Any]) -> Any:
        """The value as plain Python. Raises Absent where it rests on something missing, else ExpressionError."""
        try:
            result = self.program.evaluate({name: json_to_cel(value) for name, value in context.items()})
        except CELEvalError as error:
            raise self._explain(error, context) from error
        return plain(result)

    def _explain(self, error: CELEvalError, context: Mapping[str, Any]) -> ExpressionError:
        for reference in sorted(self.references, key=str):
            if not reference.guarded and not _is_there(reference, context):
                name = ".".join((reference.root, reference.name, *reference.rest))
                return Absent(f"{name} is not there")
        return ExpressionError(f"“{self.text}” has no answer: {_sentence(error)}")


@lru_cache(maxsize=2048)
def parse(text: str) -> Expression:
    """Raises ExpressionError with a sentence for a person."""
    text = text.strip()
    if braces := _BRACES.fullmatch(text):
        text = braces.group(1).strip()
    _check_bounds(text)
    environment = celpy.Environment()
    try:
        tree = environment.compile(text)
    except CELParseError as error:
        raise ExpressionError(f"“{text}” cannot be read as an expression: {_sentence(error)}") from error
    _check_macros(tree, text)
    references = frozenset(_references(tree))
    for reference in references:
        if reference.root not in _ROOTS and reference.root not in _bound_names(tree):
            raise ExpressionError(f"“{text}” names {reference.root}; an expression knows {', '.join(sorted(_ROOTS))}")
    made = Expression(text, references, environment.program(tree))
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


def plain(value: Any) -> Any:
    """A CEL value as plain Python."""
    match value:
        case None | bool():
            return value
        case celtypes.BoolType():
            return bool(value)
        case celtypes.MapType():
            return {str(key): plain(item) for key, item in value.items()}
        case celtypes.ListType():
            return [plain(item) for item in value]
        case celtypes.IntType() | celtypes.UintType():
            return int(value)
        case celtypes.DoubleType():
            return float(value)
        case str():
            return str(value)
        case _:
            return value


def _is_there(reference: Reference, context: Mapping[str, Any]) -> bool:
    value: Any = context.get(reference.root)
    for part in (reference.name, *reference.rest):
        if not isinstance(value, Mapping) or value.get(part) is None:
            return False
        value = value[part]
    return True


def _sentence(error: Exception) -> str:
    first = error.args[0] if error.args else error
    return " ".join(str(first).split())[:200]


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


def _check_macros(tree: Tree[Token], text: str) -> None:
    for node in tree.find_pred(_is_macro):
        if any(inner is not node for inner in node.find_pred(_is_macro)):
            raise ExpressionError(f"“{text}” nests one macro in another; one level is allowed")


def _is_macro(node: Tree[Token]) -> bool:
    return node.data == "member_dot_arg" and str(node.children[1]) in _MACROS


def _bound_names(tree: Tree[Token]) -> set[str]:
    """The variables that macros bind: `x` in `l.all(x, x > 0)`."""
    names: set[str] = set()
    for node in tree.find_pred(_is_macro):
        arguments = node.children[2]
        if isinstance(arguments, Tree) and arguments.children:
            names |= {str(t) for t in arguments.children[0].scan_values(lambda t: True)}  # type: ignore[union-attr]
    return names


def _references(node: Any, guarded: bool = False) -> Iterator[Reference]:
    if not isinstance(node, Tree):
        return
    if chain := _chain(node):
        yield Reference(chain[0], chain[1] if len(chain) > 1 else "", tuple(chain[2:]), guarded)
        return
    inside = guarded or (node.data == "ident_arg" and str(node.children[0]) == "has")
    for child in node.children:
        yield from _references(child, inside)


def _chain(node: Any) -> list[str] | None:
    """["steps", "measure", "outputs", "x"] for the tree of `steps.measure.outputs.x`, or of `steps["measure"]…`."""
    while isinstance(node, Tree) and node.data in ("member", "primary") and len(node.children) == 1:
        node = node.children[0]
    if not isinstance(node, Tree):
        return None
    if node.data == "ident":
        return [str(node.children[0])]
    if node.data == "member_dot" and (head := _chain(node.children[0])):
        return [*head, str(node.children[1])]
    if node.data == "member_index" and (head := _chain(node.children[0])):
        tokens = [str(t) for t in node.children[1].scan_values(lambda t: True)]
        if len(tokens) == 1 and tokens[0][:1] in "'\"":
            return [*head, tokens[0][1:-1]]
    return None
