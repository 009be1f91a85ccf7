"""Whether a template document has the form of one: keys, values, ids, and the templates it names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.definition import vocabulary
from engine.definition.document import Lookup, Template
from engine.definition.vocabulary import BLOCKS, DEEPEST_SUB, MOST_STEPS, article, shown
from engine.definition.yaml_text import Place, Problem

DEEPEST = 120  # keys and indexes from the root to a step


class Structure:
    """Checks a document's form and remembers where each leaf stands."""

    def __init__(self, places: Mapping[Place, tuple[int, int]], lookup: Lookup | None = None) -> None:
        self.places = places
        self.lookup = lookup
        self.used: dict[tuple[str, str], Template] = {}  # the templates it uses, by name and the digest as written
        self.problems: list[Problem] = []
        self.leaf_places: dict[str, Place] = {}

    def wrong(self, place: Place, message: str) -> None:
        while place and place not in self.places:
            place = place[:-1]
        self.problems.append(Problem(message, *self.places.get(place, (0, 0))))

    # --- by the table ---

    def part(self, value: Any, part: str, place: Place, noun: str = "") -> bool:
        """Check the keys of a part of the document and the values behind them. False when its steps cannot be read."""
        noun = noun or part
        if not isinstance(value, dict):
            self.wrong(place, f"{article(noun)} is written as keys and values, not as {shown(value)}")
            return False
        known = vocabulary.keys(part)
        for name in value.keys() - known.keys():
            self.wrong(
                (*place, name), f"“{name}” is not a key of {article(noun)}; known are {', '.join(sorted(known))}"
            )
        for key in known.values():
            if key.name in value:
                self.value(key, value[key.name], place)
            elif key.required:
                self.wrong(place, f"{article(noun)} needs “{key.name}”")
        return all(key.name in value for key in known.values() if key.required) and value.keys() <= known.keys()

    def value(self, key: vocabulary.Key, value: Any, place: Place) -> None:
        at = (*place, key.name)
        if isinstance(key.value, vocabulary.Part) and not key.structural and isinstance(value, dict):
            self.part(value, key.value.name, at)
        elif isinstance(key.value, vocabulary.Part) and not key.structural and key.value.shorter is None:
            self.wrong(at, f"{key.name} {'are' if key.name.endswith('s') else 'is'} written as keys and values")
        elif problem := (getattr(key.value, "shorter", None) or key.value).problem(key.name, value):
            self.wrong(at, problem)

    # --- the document ---

    def document(self, value: Any) -> None:
        if isinstance(value, dict) and value.get("desirepath", 1) != 1:
            message = f"this is version {value['desirepath']!r} of the document; 1 is known"
            self.wrong(("desirepath",), message)
            return
        if not self.part(value, "document", ()):
            return
        inputs = value.get("inputs") or {}
        for name, body in inputs.items() if isinstance(inputs, dict) else ():
            self.part(body, "input", ("inputs", name))
        if not isinstance(value["flow"], list) or not value["flow"]:
            self.wrong(("flow",), "the flow is a list of at least one step")
        else:
            self.node(value["flow"], ("flow",))
        for i, leaf in enumerate(value.get("done") or ()):
            self.leaf(leaf, ("done", i))

    def node(self, value: Any, place: Place) -> None:
        if len(place) > DEEPEST:
            self.wrong(place, "blocks are nested too deep")
        elif isinstance(value, list):
            for i, item in enumerate(value):
                self.node(item, (*place, i))
        elif isinstance(value, dict) and (key := next((k for k in BLOCKS if k in value), "")):
            if self.part(value, key, place):
                getattr(self, key)(value, place)
        else:
            self.leaf(value, place)

    def leaf(self, value: Any, place: Place) -> None:
        if not self.part(value, "leaf", place):
            return
        self.id(str(value["id"]), place)
        if len(self.leaf_places) == MOST_STEPS + 1:
            self.wrong(place, f"more than {MOST_STEPS:,} steps")

    def id(self, leaf_id: str, place: Place) -> None:
        if leaf_id in self.leaf_places:
            self.wrong((*place, "id"), f"the id “{leaf_id}” is used twice; ids are unique")
        self.leaf_places[leaf_id] = place

    # --- blocks: what the table cannot say ---

    def parallel(self, value: Any, place: Place) -> None:
        branches = value["parallel"]
        if not isinstance(branches, list) or len(branches) < 2:
            self.wrong((*place, "parallel"), "parallel is a list of at least two branches")
            return
        for i, branch in enumerate(branches):
            self.node(branch, (*place, "parallel", i))

    def choose(self, value: Any, place: Place) -> None:
        branches, ask = value["choose"], value.get("ask")
        if not isinstance(branches, list) or not branches:
            self.wrong((*place, "choose"), "choose is a list of branches")
            return
        for i, branch in enumerate(branches):
            at = (*place, "choose", i)
            if not self.part(branch, "branch", at):
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
            if not self.part(branch, "event branch", at):
                continue
            if len(branch.keys() & {"event", "after", "approve"}) != 1:
                self.wrong(at, "a branch of first waits for one thing: event: NAME, after: SECONDS or approve: {by: …}")
            if "approve" in branch and not isinstance(branch["approve"], dict | None):
                self.wrong((*at, "approve"), "approve is written as {by: …}")
            self.node(branch["flow"], (*at, "flow"))

    def repeat(self, value: Any, place: Place) -> None:
        body, at = value["repeat"], (*place, "repeat")
        if not self.part(body, "repeat body", at, "repeat"):
            return
        if ("until" in body) == ("ask" in body):
            self.wrong(at, "a repeat needs “until” (an expression) or “ask: person”")
        self.node(body["flow"], (*at, "flow"))
        self.node(body.get("again", []), (*at, "again"))

    def foreach(self, value: Any, place: Place) -> None:
        body, at = value["foreach"], (*place, "foreach")
        if not self.part(body, "foreach body", at, "foreach"):
            return
        if not isinstance(body["in"], list | str):
            self.wrong((*at, "in"), "in is a list, or an expression for one")
        if not body["flow"]:
            self.wrong((*at, "flow"), "a foreach needs at least one step")
        self.node(body["flow"], (*at, "flow"))

    # --- templates in templates ---

    def template(self, value: Any, place: Place) -> None:
        self.id(str(value["id"]), place)
        name, digest = str(value["template"]), str(value.get("digest", ""))
        if self.lookup is None:
            self.wrong((*place, "template"), "templates that use others are checked by the server, which knows them")
            return
        template = self.lookup(name, digest)
        if template is None:
            what = f"revision {digest[:12]} of {name}" if digest else f"published template “{name}”"
            self.wrong((*place, "template"), f"there is no {what}")
            return
        if depth_of(template) >= DEEPEST_SUB:
            self.wrong((*place, "template"), f"templates use one another more than {DEEPEST_SUB} deep")
        self.used[name, digest] = template
        given = value.get("with")
        if isinstance(given, dict | None):
            self.given(given or {}, template, place)

    def given(self, given: Mapping[str, Any], template: Template, place: Place) -> None:
        for key in given.keys() - template.inputs.keys():
            known = ", ".join(template.inputs) or "none"
            self.wrong((*place, "with"), f"{template.name} has no input “{key}”; it has {known}")
        for key, spec in template.inputs.items():
            if key not in given and not spec.optional and spec.default is None:
                self.wrong(place, f"{template.name} needs “{key}”")

    def looked_up(self, name: str, digest: str = "") -> Template | None:
        """A template that the document uses, as the check found it."""
        return self.used.get((name, digest)) or self.used.get((name, ""))

    def pinned(self, document: Any) -> Any:
        """The document with the digest of each template it uses: what is published later changes nothing here."""
        if not self.used:
            return document
        if isinstance(document, list):
            return [self.pinned(item) for item in document]
        if not isinstance(document, dict):
            return document
        filled = {key: self.pinned(item) for key, item in document.items()}
        if "template" in document and "id" in document and not document.get("digest"):
            filled["digest"] = self.used[document["template"], ""].digest
        return filled


def depth_of(template: Template) -> int:
    """How many levels of templates it has, itself included."""
    flow = template.flow
    return 1 + max((sum(p[: len(q)] == q for q in flow.subs.values()) for p in flow.subs.values()), default=0)
