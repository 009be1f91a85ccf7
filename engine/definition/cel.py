"""CEL by its library: what a text means as an expression, and its value.

Pure. Nothing of ours is imported here. The library takes 0.2 s to import, so expressions.py imports this module when
the first expression is read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import celpy
from celpy import celtypes
from celpy.adapter import json_to_cel
from celpy.celparser import CELParseError
from celpy.evaluation import CELEvalError
from lark import Token, Tree

_MACROS = {"all", "exists", "exists_one", "map", "filter", "reduce", "min"}


class Unreadable(ValueError):
    """The text is no CEL; the message is the parser's first sentence."""


class NoValue(ValueError):
    """The expression has no value in this context; the message is the evaluator's first sentence."""


@dataclass(frozen=True)
class Program:
    """A compiled expression.

    `references` are the chains of names that it reads, at least two long ("" when there is one name), each with
    whether it stands inside `has()`. `bound_names` are the variables that its macros bind.
    """

    runner: Any
    references: frozenset[tuple[tuple[str, ...], bool]]
    bound_names: frozenset[str]
    nests_macros: bool

    def evaluate(self, context: Mapping[str, Any]) -> Any:
        """The value as plain Python. Raises NoValue."""
        try:
            return plain(self.runner.evaluate({name: json_to_cel(value) for name, value in context.items()}))
        except CELEvalError as error:
            raise NoValue(_sentence(error)) from error


def compiled(text: str) -> Program:
    """Raises Unreadable."""
    environment = celpy.Environment()
    try:
        tree = environment.compile(text)
    except CELParseError as error:
        raise Unreadable(_sentence(error)) from error
    return Program(
        environment.program(tree), frozenset(_references(tree)), frozenset(_bound_names(tree)), _nests_macros(tree)
    )


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


def _sentence(error: Exception) -> str:
    first = error.args[0] if error.args else error
    return " ".join(str(first).split())[:200]


def _nests_macros(tree: Tree[Token]) -> bool:
    macros = list(tree.find_pred(_is_macro))
    return any(inner is not outer for outer in macros for inner in outer.find_pred(_is_macro))


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


def _references(node: Any, guarded: bool = False) -> Iterator[tuple[tuple[str, ...], bool]]:
    if not isinstance(node, Tree):
        return
    if chain := _chain(node):
        yield (*chain, "") if len(chain) == 1 else tuple(chain), guarded
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
