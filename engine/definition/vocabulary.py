"""The keys of a template document: where each is written, what it means, and what its absence means.

The one table. `structure` checks by it, `flow` reads and writes by it, `reading` orders by it, `steps.json_schema`
describes it to editors, `telemetry.comparison` compares by it, and docs/template.md lists it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from engine.definition.retry import CLASSES
from lib import names

INPUT_TYPES = ("text", "number", "integer", "boolean", "model", "table", "file", "folder", "json")
FILE_TYPES = ("model", "table", "file", "folder")
MOST_STEPS = 10_000
DEEPEST_SUB = 5  # templates within templates
MOST_ROUNDS = 1000  # of a repeat; also the most items of a foreach at a time


# --- what may stand behind a key --------------------------------------------------------------------------------------


class Value:
    """Anything: what is in it is checked elsewhere, or not at all."""

    def problem(self, name: str, value: Any) -> str:
        """Why this value cannot stand behind the key of this name; "" when it can."""
        return ""

    def schema(self) -> dict[str, Any]:
        """JSON Schema 2020-12."""
        return {}


class Text(Value):
    def problem(self, name: str, value: Any) -> str:
        return f"{name} is text, not a list or keys and values" if isinstance(value, list | dict) else ""

    def schema(self) -> dict[str, Any]:
        return {"type": "string"}


class Condition(Text):
    """A condition in CEL, with or without its braces. Its references are checked by `semantics`."""


@dataclass(frozen=True)
class KeyName(Value):
    noun: str = "a name"
    pattern: str = r"^[a-z][a-z0-9_-]{0,62}$"

    def problem(self, name: str, value: Any) -> str:
        if re.fullmatch(self.pattern, str(value)):
            return ""
        return f"“{value}” is not {self.noun}: small letters, digits, - and _, at most 63"

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "pattern": self.pattern}


class TemplateName(KeyName):
    """A key of any script: no expression names a template, and addresses and files have forms of their own."""

    def problem(self, name: str, value: Any) -> str:
        text = str(value)
        if text[:1].isalpha() and names.key(text, 63) == text:
            return ""
        return super().problem(name, value)

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "pattern": "^[a-z\u0080-\uffff][a-z0-9_\u0080-\uffff-]{0,62}$"}


class Item(KeyName):
    def problem(self, name: str, value: Any) -> str:
        if re.fullmatch(self.pattern, str(value)) and value != "index":
            return ""
        return f"“{value}” is not a name for an item: small letters, digits and _"


@dataclass(frozen=True)
class OneOf(Value):
    options: tuple[str | int | bool, ...]

    def problem(self, name: str, value: Any) -> str:
        return "" if value in self.options else f"{name} is {' or '.join(str(o).lower() for o in self.options)}"

    def schema(self) -> dict[str, Any]:
        return {"enum": list(self.options)}


@dataclass(frozen=True)
class Integer(Value):
    least: int
    most: int
    unit: str = ""

    def problem(self, name: str, value: Any) -> str:
        if isinstance(value, int) and not isinstance(value, bool) and self.least <= value <= self.most:
            return ""
        unit = f" of {self.unit}" if self.unit else ""
        return f"{name} is a whole number{unit} from {self.least} to {self.most}, not {shown(value)}"

    def schema(self) -> dict[str, Any]:
        unit = {"description": self.unit} if self.unit else {}
        return {"type": "integer", "minimum": self.least, "maximum": self.most, **unit}


class Seconds(Value):
    def problem(self, name: str, value: Any) -> str:
        fits = isinstance(value, int | float) and not isinstance(value, bool) and value > 0
        return "" if fits else f"{name} is a number of seconds above 0"

    def schema(self) -> dict[str, Any]:
        return {"type": "number", "exclusiveMinimum": 0, "description": "seconds"}


class Wait(Value):
    """Seconds, or an expression for them."""

    def schema(self) -> dict[str, Any]:
        return {"anyOf": [EXPRESSION, Seconds().schema()]}


class Flag(Value):
    def schema(self) -> dict[str, Any]:
        return {"type": "boolean"}


class Pairs(Value):
    """Keys and values that the template's author names."""

    def __init__(self, inner: dict[str, Any] | None = None) -> None:
        self.inner = inner

    def problem(self, name: str, value: Any) -> str:
        if isinstance(value, Mapping):
            return ""
        return f"{name} {'are' if name.endswith('s') else 'is'} written as keys and values"

    def schema(self) -> dict[str, Any]:
        return {"type": "object"} | ({"additionalProperties": self.inner} if self.inner else {})


@dataclass(frozen=True)
class Listed(Value):
    """A list, each entry of it one of a part, or what `inner` says."""

    inner: Mapping[str, Any]
    least: int = 0

    def schema(self) -> dict[str, Any]:
        return {"type": "array", "items": dict(self.inner)} | ({"minItems": self.least} if self.least else {})


@dataclass(frozen=True)
class Part(Value):
    """Keys and values that this table knows, or what a shorter form says instead of them."""

    name: str
    shorter: Value | None = None

    def schema(self) -> dict[str, Any]:
        whole = reference(self.name)
        return {"anyOf": [self.shorter.schema(), whole]} if self.shorter else whole


def reference(part: str) -> dict[str, Any]:
    return {"$ref": f"#/$defs/{part.replace(' ', '-')}"}


def shown(value: Any) -> str:
    """A wrong value, as a message about it shows it."""
    return "nothing" if value is None else f"“{str(value)[:40]}”"


def article(noun: str) -> str:
    """“a step”, “an undo”; a plural has none."""
    if noun.endswith("s"):
        return noun
    return f"{'an' if noun[:1] in 'aeiou' else 'a'} {noun}"


EXPRESSION: Final = {"type": "string", "pattern": r"\$\{\{.*\}\}"}
ID = KeyName("an id")
STEPS = Part("node")  # a step, a block, or a list of them


# --- the table --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Key:
    """One key. `attribute` is what a node of `flow` calls it; `default` is what its absence means there."""

    name: str
    value: Value
    means: str
    required: bool = False
    default: Any = None
    attribute: str = ""
    structural: bool = False  # holds steps: the tree itself, which `flow` reads and writes

    @property
    def field(self) -> str:
        return self.attribute or self.name


def _key(name: str, value: Value, means: str, default: Any = None, attribute: str = "") -> Key:
    return Key(name, value, means, default=default, attribute=attribute)


def _needed(name: str, value: Value, means: str, attribute: str = "") -> Key:
    return Key(name, value, means, required=True, attribute=attribute)


def _steps(name: str, means: str, value: Value = STEPS, *, required: bool = True) -> Key:
    return Key(name, value, means, required=required, structural=True)


FLOW = _steps("flow", "the steps and blocks in it")
EXECUTION = (
    _needed("uses", Text(), "the step kind that does it"),
    _key("with", Pairs(), "the kind's settings; each may be an expression", {}, "with_"),
    _key("retries", Part("retries", Integer(0, 100)), "how often it is tried again, or how often for each class", 0),
    _key("timeout", Seconds(), "seconds it may take; then it is stopped and has failed"),
    _key("limits", Part("limits"), "what its jobs may take", {}),
)

PARTS: Final[Mapping[str, tuple[Key, ...]]] = {
    "document": (
        _needed("desirepath", OneOf((1,)), "the version of the document's form: 1"),
        _needed("template", TemplateName(), "the template's name"),
        _key("title", Text(), "what people call it"),
        _key("persona", Text(), "whose work it is"),
        _key("description", Text(), "more about it"),
        _key("inputs", Pairs(reference("input")), "what a run is started with"),
        _key("outputs", Pairs({"type": "string"}), "what a template that uses this one sees"),
        _steps("flow", "what is done, in order", Listed(reference("node"), 1)),
        _steps("done", "the criteria of done: steps that only read", Listed(reference("leaf")), required=False),
    ),
    "input": (
        _needed("type", OneOf(INPUT_TYPES), "what kind of value it is"),
        _key("help", Text(), "what to give, for whoever starts the run", ""),
        _key("optional", Flag(), "true: a step that lacks it is skipped", False),
        _key("default", Value(), "the value when none is given"),
    ),
    "leaf": (
        _needed("id", ID, "its name in expressions and in rows; it never changes"),
        _key("title", Text(), "what people call it", ""),
        *EXECUTION,
        _key("when", Condition(), "a condition; without it being met the step is skipped"),
        _key("on_failure", OneOf(("fail", "continue")), "continue: the run goes on after this step has failed", "fail"),
        _key("mutex", KeyName(), "no two steps of a team with the same one are at work at once", ""),
        _key("outputs", Pairs({"type": "string"}), "name: type of what a manual step puts out", {}),
        _key("compensate", Part("undo"), "its own undo, executed when the run fails or is cancelled"),
        _key("evidence", Listed({"type": "string"}), "ids of the observations and insights it rests on", ()),
    ),
    "undo": EXECUTION,
    "retries": (
        *(_key(name, Integer(0, 100, "retries"), why) for name, why in CLASSES.items()),
        _key("wait", Seconds(), "seconds before the first retry; each later wait is twice as long"),
        _key("at_most", Seconds(), "the longest wait, in seconds"),
    ),
    "limits": (
        _key("memory_mb", Integer(16, 1 << 20, "MB"), "memory"),
        _key("cpu_seconds", Integer(1, 10**6, "seconds of processor time"), "processor time, over all its life"),
        _key("file_mb", Integer(1, 1 << 20, "MB"), "the largest file it may write"),
    ),
    "parallel": (_steps("parallel", "at least two branches that run at once", Listed(reference("node"), 2)),),
    "choose": (
        _steps("choose", "branches, of which one is walked", Listed(reference("branch"), 1)),
        _key("ask", OneOf(("person",)), "person: somebody picks the branch by its label"),
    ),
    "branch": (
        _key("when", Condition(), "the condition; the first branch whose condition is met is walked"),
        _key("otherwise", OneOf((True,)), "true: walked when no other branch is; the last"),
        _key("label", Text(), "what people call this branch", ""),
        FLOW,
    ),
    "first": (_steps("first", "branches, of which the one whose event comes first is walked",
                     Listed(reference("event branch"), 2)),),
    "event branch": (
        _key("event", Text(), "the name of the event it waits for"),
        _key("after", Wait(), "seconds after which it is walked"),
        _key("approve", Value(), "{by: …}: who says so"),
        _key("label", Text(), "what people call this branch", ""),
        FLOW,
    ),
    "repeat": (_steps("repeat", "runs its flow until it is enough", Part("repeat body")),),
    "repeat body": (
        _needed("at_most", Integer(1, MOST_ROUNDS), "the most rounds"),
        _key("until", Condition(), "the condition that ends it, asked after each round"),
        _key("ask", OneOf(("person",)), "person: somebody says whether it is enough"),
        _key("on_limit", OneOf(("fail", "continue")), "what happens when the most rounds were not enough", "fail"),
        FLOW,
        _steps("again", "what is done between two rounds", required=False),
    ),
    "foreach": (_steps("foreach", "runs its flow once for each item of a list", Part("foreach body")),),
    "foreach body": (
        _needed("in", Value(), "the list, or an expression for one", "items"),
        _key("as", Item(pattern=r"^[a-z][a-z0-9_]{0,30}$"), "what an item is called: each.NAME", "item", "name"),
        _key("max_parallel", Integer(1, MOST_ROUNDS), "how many items at a time", 10),
        FLOW,
    ),
    "template": (
        _needed("id", ID, "the name of this place; its steps are ID.THEIRS"),
        _key("title", Text(), "what people call it here", ""),
        _needed("template", TemplateName(), "the name of the template whose flow stands here"),
        _key("digest", Text(), "the revision; written when this template is stored", ""),
        _key("with", Pairs(), "its inputs", {}, "with_"),
    ),
}  # fmt: skip
BLOCKS = ("parallel", "choose", "first", "repeat", "foreach", "template")
LIMITS: Final = {key.name: key.value for key in PARTS["limits"]}


def keys(part: str) -> Mapping[str, Key]:
    """The keys of a part of the document by name."""
    return _BY_NAME[part]


def options(part: str) -> tuple[Key, ...]:
    """The keys that say something of the part itself, not which steps are in it."""
    return _OPTIONS[part]


_BY_NAME = {part: {key.name: key for key in keys} for part, keys in PARTS.items()}
_OPTIONS = {part: tuple(key for key in keys if not key.structural) for part, keys in PARTS.items()}
_LAST = ("flow", "again", "done")  # what holds steps is written after what is said of them


def order() -> dict[str, int]:
    """The place of each key where a document is written for people to read."""
    every = dict.fromkeys(key.name for keys in PARTS.values() for key in keys)
    return {name: place for place, name in enumerate([*(n for n in every if n not in _LAST), *_LAST])}
