"""Whether a template document has the form of one: keys, types, ids, and the templates it names. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

from engine.definition.flow import Sub
from engine.definition.retry import CLASSES
from engine.definition.yaml_text import Place, Problem

if TYPE_CHECKING:
    from engine.definition.reading import Template

INPUT_TYPES = ("text", "number", "integer", "boolean", "model", "table", "file", "folder", "json")
FILE_TYPES = ("model", "table", "file", "folder")
MOST_STEPS = 10_000
_ID = re.compile(r"^[a-z][a-z0-9_-]{0,62}$")
_KEYS = {
    "document": {"desirepath", "template", "persona", "title", "description", "inputs", "flow", "done", "outputs"},
    "input": {"type", "help", "optional", "default"},
    "leaf": {
        "id",
        "title",
        "uses",
        "with",
        "when",
        "retries",
        "timeout",
        "on_failure",
        "outputs",
        "evidence",
        "mutex",
        "limits",
        "compensate",
    },
    "undo": {"uses", "with", "retries", "timeout", "limits"},
    "retries": {*CLASSES, "wait", "at_most"},
    "parallel": {"parallel"},
    "choose": {"choose", "ask"},
    "branch": {"when", "otherwise", "flow", "label"},
    "first": {"first"},
    "event branch": {"event", "after", "approve", "flow", "label"},
    "foreach": {"foreach"},
    "foreach body": {"in", "as", "max_parallel", "flow"},
    "template": {"id", "title", "template", "digest", "with"},
    "repeat": {"repeat"},
    "repeat body": {"at_most", "until", "again", "flow", "on_limit", "ask"},
}
_BLOCKS = ("parallel", "choose", "first", "repeat", "foreach", "template")
DEEPEST_SUB = 5  # templates within templates
# What a step's jobs may take at the most: name -> (unit, least, most).
LIMITS = {
    "memory_mb": ("MB", 16, 1 << 20), "cpu_seconds": ("seconds of processor time", 1, 10**6),
    "file_mb": ("MB", 1, 1 << 20),
}  # fmt: skip


class Lookup(Protocol):
    """Finds a template for a block that uses it: by name what is published, by digest that very revision."""

    def __call__(self, name: str, digest: str = "") -> Template | None: ...


class Shape:
    """Whether the document has the form: keys, types, ids. Remembers where each leaf stands."""

    def __init__(self, places: Mapping[Place, tuple[int, int]], lookup: Lookup | None = None) -> None:
        self.places = places
        self.lookup = lookup
        self.found: dict[tuple[str, str], Template] = {}  # the templates it uses, by name and the digest as written
        self.problems: list[Problem] = []
        self.leaf_places: dict[str, Place] = {}

    def wrong(self, place: Place, message: str) -> None:
        while place and place not in self.places:
            place = place[:-1]
        self.problems.append(Problem(message, *self.places.get(place, (0, 0))))

    def keys(self, value: Any, kind: str, place: Place, required: tuple[str, ...] = ()) -> bool:
        if not isinstance(value, dict):
            self.wrong(place, f"{article(kind)} is written as keys and values, not as {_said(value)}")
            return False
        for key in value.keys() - _KEYS[kind]:
            known = ", ".join(sorted(_KEYS[kind]))
            self.wrong((*place, key), f"“{key}” is not a key of {article(kind)}; known are {known}")
        for key in required:
            if key not in value:
                self.wrong(place, f"{article(kind)} needs “{key}”")
        return not (value.keys() - _KEYS[kind]) and all(key in value for key in required)

    def document(self, value: Any) -> None:
        if not self.keys(value, "document", (), ("desirepath", "template", "flow")):
            return
        if value["desirepath"] != 1:
            self.wrong(("desirepath",), f"this is version {value['desirepath']!r} of the document; 1 is known")
        if not _ID.match(str(value["template"])):
            self.wrong(("template",), f"“{value['template']}” is not a name: small letters, digits and -")
        inputs = value.get("inputs") or {}
        if not isinstance(inputs, dict):
            self.wrong(("inputs",), "inputs are written as name: {type: …}")
            inputs = {}
        for name, body in inputs.items():
            self.input(body, ("inputs", name))
        if not isinstance(value.get("outputs") or {}, dict):
            self.wrong(("outputs",), 'outputs are written as name: "${{ … }}"')
        if not isinstance(value["flow"], list) or not value["flow"]:
            self.wrong(("flow",), "the flow is a list of at least one step")
        else:
            self.node(value["flow"], ("flow",))
        for i, leaf in enumerate(value.get("done") or ()):
            self.leaf(leaf, ("done", i))

    def input(self, value: Any, place: Place) -> None:
        if not self.keys(value, "input", place, ("type",)):
            return
        if value["type"] not in INPUT_TYPES:
            self.wrong((*place, "type"), f"“{value['type']}” is not a type; known are {', '.join(INPUT_TYPES)}")

    def node(self, value: Any, place: Place) -> None:
        if len(place) > 120:
            self.wrong(place, "blocks are nested too deep")
        elif isinstance(value, list):
            for i, item in enumerate(value):
                self.node(item, (*place, i))
        elif isinstance(value, dict) and (key := next((k for k in _BLOCKS if k in value), "")):
            if self.keys(value, key, place):
                getattr(self, key)(value, place)
        else:
            self.leaf(value, place)

    def parallel(self, value: Any, place: Place) -> None:
        branches = value["parallel"]
        if not isinstance(branches, list) or len(branches) < 2:
            self.wrong((*place, "parallel"), "parallel is a list of at least two branches")
            return
        for i, branch in enumerate(branches):
            self.node(branch, (*place, "parallel", i))

    def choose(self, value: Any, place: Place) -> None:
        branches, ask = value["choose"], value.get("ask")
        if ask not in (None, "person"):
            self.wrong((*place, "ask"), "ask knows person")
        if not isinstance(branches, list) or not branches:
            self.wrong((*place, "choose"), "choose is a list of branches")
            return
        for i, branch in enumerate(branches):
            at = (*place, "choose", i)
            if not self.keys(branch, "branch", at, ("flow",)):
                continue
            if not ask and ("when" in branch) == ("otherwise" in branch):
                self.wrong(at, "a branch has either when or otherwise: true")
            if "otherwise" in branch and i != len(branches) - 1:
                self.wrong(at, "otherwise is the last branch")
            self.node(branch["flow"], (*at, "flow"))

    def first(self, value: Any, place: Place) -> None:
        branches = value["first"]
        if not isinstance(branches, list) or len(branches) < 2:
            self.wrong((*place, "first"), "first is a list of at least two branches, each with event, after or approve")
            return
        for i, branch in enumerate(branches):
            at = (*place, "first", i)
            if not self.keys(branch, "event branch", at, ("flow",)):
                continue
            if len(branch.keys() & {"event", "after", "approve"}) != 1:
                self.wrong(at, "a branch of first waits for one thing: event: NAME, after: SECONDS or approve: {by: …}")
            if "approve" in branch and not isinstance(branch["approve"], dict | None):
                self.wrong((*at, "approve"), "approve is written as {by: …}")
            self.node(branch["flow"], (*at, "flow"))

    def foreach(self, value: Any, place: Place) -> None:
        body, at = value["foreach"], (*place, "foreach")
        if not isinstance(body, dict):
            self.wrong(at, "foreach is written as keys and values")
            return
        if not self.keys(body, "foreach body", at, ("in", "flow")):
            return
        if not isinstance(body["in"], list | str):
            self.wrong((*at, "in"), "in is a list, or an expression for one")
        if not re.fullmatch(r"[a-z][a-z0-9_]{0,30}", str(body.get("as", "item"))) or body.get("as") == "index":
            self.wrong((*at, "as"), f"“{body.get('as')}” is not a name for an item: small letters, digits and _")
        bound = body.get("max_parallel", 1)
        if not isinstance(bound, int) or isinstance(bound, bool) or not 1 <= bound <= 1000:
            self.wrong((*at, "max_parallel"), f"max_parallel is a whole number from 1 to 1000, not {_said(bound)}")
        if not body["flow"]:
            self.wrong((*at, "flow"), "a foreach needs at least one step")
        self.node(body["flow"], (*at, "flow"))

    def template(self, value: Any, place: Place) -> None:
        if not self.keys(value, "template", place, ("id", "template")):
            return
        self.id(str(value["id"]), place)
        name, digest = str(value["template"]), str(value.get("digest", ""))
        if self.lookup is None:
            self.wrong((*place, "template"), "templates that use others are checked by the server, which knows them")
            return
        found = self.lookup(name, digest)
        if found is None:
            what = f"revision {digest[:12]} of {name}" if digest else f"published template “{name}”"
            self.wrong((*place, "template"), f"there is no {what}")
            return
        if depth_of(found) >= DEEPEST_SUB:
            self.wrong((*place, "template"), f"templates stand in one another more than {DEEPEST_SUB} deep")
        self.found[name, digest] = found
        given = value.get("with") or {}
        for key in given.keys() - found.inputs.keys():
            known = ", ".join(found.inputs) or "none"
            self.wrong((*place, "with"), f"{name} has no input “{key}”; it has {known}")
        for key, spec in found.inputs.items():
            if key not in given and not spec.optional and spec.default is None:
                self.wrong(place, f"{name} needs “{key}”")

    def sub(self, block: Mapping[str, Any]) -> Sub:
        """The template of a block, as a part of a flow (engine.definition.flow.Find)."""
        found = self.found.get((block["template"], block["digest"])) or self.found[block["template"], ""]
        return Sub(
            "", found.flow.root, found.name, found.digest, outputs=found.outputs, inputs=found.inputs
        )  # fmt: skip

    def pinned(self, document: Any) -> Any:
        """The document with the digest of each template it uses: what is published later changes nothing here."""
        if not self.found:
            return document
        if isinstance(document, list):
            return [self.pinned(item) for item in document]
        if not isinstance(document, dict):
            return document
        filled = {key: self.pinned(item) for key, item in document.items()}
        if "template" in document and "id" in document and not document.get("digest"):
            filled["digest"] = self.found[document["template"], ""].digest
        return filled

    def repeat(self, value: Any, place: Place) -> None:
        body, at = value["repeat"], (*place, "repeat")
        if not isinstance(body, dict):
            self.wrong(at, "repeat is written as keys and values")
            return
        if "at_most" not in body:
            self.wrong(at, "a repeat needs “at_most”: a loop without a bound could run for ever")
        if not self.keys(body, "repeat body", at, ("flow",)):
            return
        bound = body.get("at_most", 1)
        if not isinstance(bound, int) or isinstance(bound, bool) or not 1 <= bound <= 1000:
            self.wrong((*at, "at_most"), f"at_most is a whole number from 1 to 1000, not {_said(bound)}")
        if ("until" in body) == ("ask" in body):
            self.wrong(at, "a repeat needs “until” (an expression) or “ask: person”")
        if body.get("on_limit", "fail") not in ("fail", "continue"):
            self.wrong((*at, "on_limit"), "on_limit is fail or continue")
        self.node(body["flow"], (*at, "flow"))
        self.node(body.get("again", []), (*at, "again"))

    def leaf(self, value: Any, place: Place) -> None:
        if not self.keys(value, "leaf", place, ("id", "uses")):
            return
        self.id(str(value["id"]), place)
        if value.get("on_failure", "fail") not in ("fail", "continue"):
            self.wrong((*place, "on_failure"), "on_failure is fail or continue")
        if not isinstance(value.get("outputs", {}), dict):
            self.wrong(place, "outputs are written as keys and values")
        if "mutex" in value and not _ID.match(str(value["mutex"])):
            self.wrong((*place, "mutex"), f"“{value['mutex']}” is not a name: small letters, digits, - and _")
        self.execution(value, place)
        undo = value.get("compensate")
        if undo is not None and self.keys(undo, "undo", (*place, "compensate"), ("uses",)):
            self.execution(undo, (*place, "compensate"))
        if len(self.leaf_places) == MOST_STEPS + 1:
            self.wrong(place, f"more than {MOST_STEPS:,} steps")

    def id(self, leaf_id: str, place: Place) -> None:
        if not _ID.match(leaf_id):
            self.wrong((*place, "id"), f"“{leaf_id}” is not an id: small letters, digits, - and _, at most 63")
        if leaf_id in self.leaf_places:
            self.wrong((*place, "id"), f"the id “{leaf_id}” stands twice")
        self.leaf_places[leaf_id] = place

    def execution(self, value: Any, place: Place) -> None:
        """What a step and its undo have in common."""
        self.retries(value.get("retries", 0), (*place, "retries"))
        timeout = value.get("timeout", 1)
        if isinstance(timeout, bool) or not isinstance(timeout, int | float) or timeout <= 0:
            self.wrong((*place, "timeout"), "timeout is a number of seconds above 0")
        if not isinstance(value.get("with", {}), dict):
            self.wrong(place, "with is written as keys and values")
        limits = value.get("limits", {})
        if not isinstance(limits, dict):
            self.wrong((*place, "limits"), "limits are written as keys and values")
            return
        for name, number in limits.items():
            unit, least, most = LIMITS.get(name, ("", 0, 0))
            if not unit:
                self.wrong((*place, "limits", name), f"“{name}” is not a limit; known are {', '.join(LIMITS)}")
            elif not isinstance(number, int) or isinstance(number, bool) or not least <= number <= most:
                self.wrong((*place, "limits", name), f"{name} is a whole number of {unit}, {least} to {most}")

    def retries(self, value: Any, place: Place) -> None:
        if isinstance(value, dict):
            if self.keys(value, "retries", place):
                for name in value.keys() & CLASSES.keys():
                    self.retries(value[name], (*place, name))
                for name in value.keys() & {"wait", "at_most"}:
                    if isinstance(value[name], bool) or not isinstance(value[name], int | float) or value[name] <= 0:
                        self.wrong((*place, name), f"{name} is a number of seconds above 0")
        elif not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= 100:
            self.wrong(place, "retries is a whole number from 0 to 100")


def depth_of(template: Template) -> int:
    """How many templates stand in one another in it, itself included."""
    flow = template.flow
    return 1 + max((sum(p[: len(q)] == q for q in flow.subs.values()) for p in flow.subs.values()), default=0)


def _said(value: Any) -> str:
    return "nothing" if value is None else f"“{str(value)[:40]}”"


def article(noun: str) -> str:
    """“a step”, “an undo”; what is many has none."""
    if noun.endswith("s"):
        return noun
    return f"{'an' if noun[:1] in 'aeiou' else 'a'} {noun}"
