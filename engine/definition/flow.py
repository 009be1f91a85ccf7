"""The flow: one process tree with three faces (discovered, drawn, run).

Pure. Discovery finds a flow, a journey map draws one, a template binds its leaves to step kinds and a run walks it.
Every flow is sound by construction: each block has one entry and one exit.

A node is addressed by its *path*, the indexes from the root: `()` is the root, `(1, 0)` the first child of its second
child. In a `Repeat`, child 0 is `flow` and child 1 is `again`; a `Foreach` and a `Sub` have child 0.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

Path = tuple[int, ...]


@dataclass(frozen=True)
class Leaf:
    """A piece of work. `id` never changes; `uses` is empty while no step kind is bound to it."""

    id: str
    title: str = ""
    uses: str = ""
    with_: Mapping[str, Any] = field(default_factory=dict)
    when: str | None = None
    retries: int | Mapping[str, Any] = 0  # or by class of failure (engine.definition.retry)
    timeout: float | None = None  # seconds
    on_failure: str = "fail"  # or "continue"
    mutex: str = ""  # no two steps of a team with the same one are at work at once
    limits: Mapping[str, int] = field(default_factory=dict)  # what its jobs may take (engine.definition.reading.LIMITS)
    compensate: Leaf | None = None  # its own undo, with the same id
    outputs: Mapping[str, str] = field(default_factory=dict)  # name -> type, declared by a manual step
    evidence: tuple[str, ...] = ()  # UUIDs

    def __hash__(self) -> int:
        return hash(self.id)  # its mappings cannot be hashed, and its id is unique in a flow

    @property
    def name(self) -> str:
        return self.title or self.id.replace("-", " ").replace("_", " ")


@dataclass(frozen=True)
class Sequence:
    children: tuple[Node, ...] = ()


@dataclass(frozen=True)
class Parallel:
    branches: tuple[Node, ...]


@dataclass(frozen=True)
class Branch:
    """`when` is CEL; None means otherwise, or, under `ask`, that a person picks it by its label.

    `on` is what it waits for under `first`: {"event": name}, {"after": seconds} or {"approve": {"by": …}}.
    """

    flow: Node
    when: str | None = None
    label: str = ""
    on: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Choose:
    branches: tuple[Branch, ...]
    ask: str | None = None  # "person", or "first": whichever event comes first


@dataclass(frozen=True)
class Repeat:
    """Runs `flow`, then asks `until`; while it is not met, runs `again` and `flow` once more."""

    flow: Node
    again: Node = field(default_factory=Sequence)
    at_most: int = 1
    until: str | None = None  # CEL
    ask: str | None = None  # "person"
    on_limit: str = "fail"  # or "continue"


@dataclass(frozen=True)
class Foreach:
    """Runs `flow` once for each item of a list, so many at a time. Inside, `each.NAME` is the item."""

    items: Any  # a list, or an expression for one
    flow: Sequence
    name: str = "item"
    max_parallel: int = 10

    def __hash__(self) -> int:
        return hash(self.flow)


@dataclass(frozen=True)
class Sub:
    """Another template's flow in this place: its ids are `ID.THEIRS`, its inputs are `with_`."""

    id: str
    flow: Node
    template: str  # its name
    digest: str  # of the revision that this one was stored with: it never changes under a run
    title: str = ""
    with_: Mapping[str, Any] = field(default_factory=dict)
    outputs: Mapping[str, str] = field(default_factory=dict)  # name -> expression, as seen from inside
    inputs: Mapping[str, Any] = field(default_factory=dict)  # name -> engine.definition.reading.Input

    def __hash__(self) -> int:
        return hash(self.id)


Node = Leaf | Sequence | Parallel | Choose | Repeat | Foreach | Sub


def children(node: Node) -> tuple[Node, ...]:
    """The node's children in the order of their indexes."""
    match node:
        case Sequence(children=nodes) | Parallel(branches=nodes):
            return nodes
        case Choose(branches=branches):
            return tuple(branch.flow for branch in branches)
        case Repeat():
            return (node.flow, node.again)
        case Foreach() | Sub():
            return (node.flow,)
        case Leaf():
            return ()


def walk(node: Node, path: Path = ()) -> Iterator[tuple[Path, Node]]:
    """Every node with its path, a parent before its children, in reading order. Depth is not limited by recursion."""
    stack = [(path, node)]
    while stack:
        here, current = stack.pop()
        yield here, current
        stack.extend(((*here, i), child) for i, child in reversed(list(enumerate(children(current)))))


def leaves(node: Node) -> Iterator[Leaf]:
    return (found for _, found in walk(node) if isinstance(found, Leaf))


class Flow:
    """A tree with an index of it: find a node by path and a leaf by id in constant time."""

    def __init__(self, root: Node) -> None:
        self.root = root
        self.nodes: dict[Path, Node] = dict(walk(root))
        self.leaf_paths: dict[str, Path] = {n.id: p for p, n in self.nodes.items() if isinstance(n, Leaf)}
        self.subs: dict[str, Path] = {n.id: p for p, n in self.nodes.items() if isinstance(n, Sub)}

    def at(self, path: Path) -> Node:
        return self.nodes[path]

    def leaf(self, leaf_id: str) -> Leaf:
        found = self.nodes[self.leaf_paths[leaf_id]]
        assert isinstance(found, Leaf)
        return found

    def leaves(self) -> list[Leaf]:
        return [node for node in self.nodes.values() if isinstance(node, Leaf)]

    def rounds(self, path: Path) -> tuple[Path, ...]:
        """The paths of the loops around this node, outermost first: one number of an iteration each."""
        return tuple(path[:n] for n in range(len(path)) if isinstance(self.nodes[path[:n]], Repeat | Foreach))

    def scope(self, path: Path) -> Sub | None:
        """The sub-template this node stands in, the innermost."""
        if not self.subs:
            return None
        around = (self.nodes[path[:n]] for n in range(len(path) - 1, -1, -1))
        return next((node for node in around if isinstance(node, Sub)), None)

    def source(self, name: str, reader: Path) -> Path | None:
        """Where `steps.NAME` stands as seen from this place: a leaf, or a sub-template as a whole."""
        scope = self.scope(reader)
        full = f"{scope.id}.{name}" if scope else name
        return self.leaf_paths.get(full, self.subs.get(full))


def write_path(path: Path) -> str:
    return ".".join(map(str, path))


def read_path(text: str) -> Path:
    return tuple(int(part) for part in text.split(".")) if text else ()


# --- the document form: plain lists and dictionaries, as in the YAML ------------------------------------------------

_LEAF_OPTIONS = ("when", "retries", "timeout", "on_failure", "mutex")


def to_document(node: Node) -> Any:
    """The flow as the template document writes it. A sequence is a list; `from_document` reads it back equal."""
    match node:
        case Leaf():
            return _leaf_document(node)
        case Sequence(children=nodes):
            return [to_document(child) for child in nodes]
        case Parallel(branches=branches):
            return {"parallel": [to_document(branch) for branch in branches]}
        case Choose(ask="first"):
            return {"first": [_branch_document(branch, node.ask) for branch in node.branches]}
        case Choose():
            body: dict[str, Any] = {"choose": [_branch_document(branch, node.ask) for branch in node.branches]}
            return body | ({"ask": node.ask} if node.ask else {})
        case Repeat():
            return {"repeat": _repeat_document(node)}
        case Foreach():
            name = {"as": node.name} if node.name != "item" else {}
            head = {"in": node.items, **name, "max_parallel": node.max_parallel}
            return {"foreach": head | {"flow": to_document(node.flow)}}
        case Sub():
            return _sub_document(node)


def _sub_document(sub: Sub) -> dict[str, Any]:
    head = {"id": sub.id, "template": sub.template, "digest": sub.digest}
    title = {"title": sub.title} if sub.title else {}
    return head | title | ({"with": dict(sub.with_)} if sub.with_ else {})


def _leaf_document(leaf: Leaf, *, inside: bool = False) -> dict[str, Any]:
    document: dict[str, Any] = {} if inside else {"id": leaf.id}
    if leaf.title and not inside:
        document["title"] = leaf.title
    if leaf.uses:
        document["uses"] = leaf.uses
    if leaf.with_:
        document["with"] = dict(leaf.with_)
    default = Leaf(id="")
    document |= {k: getattr(leaf, k) for k in _LEAF_OPTIONS if getattr(leaf, k) != getattr(default, k)}
    for name, value in (("outputs", leaf.outputs), ("limits", leaf.limits)):
        if value:
            document[name] = dict(value)
    if leaf.compensate:
        document["compensate"] = _leaf_document(leaf.compensate, inside=True)
    if leaf.evidence:
        document["evidence"] = list(leaf.evidence)
    return document


def _branch_document(branch: Branch, ask: str | None) -> dict[str, Any]:
    head: dict[str, Any] = {"label": branch.label} if branch.label else {}
    if branch.on is not None:
        head |= branch.on
    elif branch.when is not None:
        head["when"] = branch.when
    elif not ask:
        head["otherwise"] = True
    return head | {"flow": _as_list(to_document(branch.flow))}


def _repeat_document(node: Repeat) -> dict[str, Any]:
    body: dict[str, Any] = {"at_most": node.at_most}
    if node.until is not None:
        body["until"] = node.until
    if node.ask:
        body["ask"] = node.ask
    if node.on_limit != "fail":
        body["on_limit"] = node.on_limit
    body["flow"] = _as_list(to_document(node.flow))
    if node.again != Sequence():
        body["again"] = _as_list(to_document(node.again))
    return body


def _as_list(document: Any) -> Any:
    return document if isinstance(document, list) else [document]


class Find(Protocol):
    """Gives the sub-template that a block names: its whole as a `Sub`, with ids as they are in it."""

    def __call__(self, block: Mapping[str, Any]) -> Sub: ...


def from_document(document: Any, find: Find | None = None) -> Node:
    """A node from its checked document form (`engine.definition.reading` checks). A list of one is that one."""
    if isinstance(document, list):
        nodes = tuple(from_document(item, find) for item in document)
        return nodes[0] if len(nodes) == 1 else Sequence(nodes)
    for key, read in _BLOCKS.items():
        if key in document:
            return read(document, find)
    return _leaf(document)


def _parallel(document: Any, find: Find | None) -> Node:
    return Parallel(tuple(from_document(branch, find) for branch in document["parallel"]))


def _choose(document: Any, find: Find | None) -> Node:
    branches = (Branch(from_document(b["flow"], find), b.get("when"), b.get("label", "")) for b in document["choose"])
    return Choose(tuple(branches), document.get("ask"))


def _first(document: Any, find: Find | None) -> Node:
    def branch(b: Any) -> Branch:
        on = {key: value for key, value in b.items() if key in ("event", "after", "approve")}
        return Branch(from_document(b["flow"], find), label=b.get("label", ""), on=on)

    return Choose(tuple(branch(b) for b in document["first"]), "first")


def _repeat(document: Any, find: Find | None) -> Node:
    body = document["repeat"]
    options = {k: body[k] for k in ("at_most", "until", "ask", "on_limit") if k in body}
    return Repeat(from_document(body["flow"], find), from_document(body.get("again", []), find), **options)


def _foreach(document: Any, find: Find | None) -> Node:
    body = document["foreach"]
    steps = Sequence(tuple(from_document(item, find) for item in _as_list(body["flow"])))
    return Foreach(body["in"], steps, body.get("as", "item"), body.get("max_parallel", 10))


def _sub(document: Any, find: Find | None) -> Node:
    if find is None:
        raise ValueError(f"the template {document['template']} cannot be looked up here")
    found = find(document)
    named = {"id": document["id"], "title": document.get("title", ""), "with_": document.get("with", {})}
    return replace(found, flow=under(found.flow, document["id"]), **named)


def under(node: Node, prefix: str) -> Node:
    """The same tree with every id below `prefix`."""

    def renamed(one: Leaf | Sub) -> Node:
        name = f"{prefix}.{one.id}"
        if isinstance(one, Leaf):
            return replace(one, id=name, compensate=one.compensate and replace(one.compensate, id=name))
        return replace(one, id=name)

    return mapped(node, renamed)


def mapped(node: Node, change: Callable[[Leaf | Sub], Node]) -> Node:
    """The same tree with each leaf and sub-template changed; what is inside a sub-template first."""
    match node:
        case Leaf():
            return change(node)
        case Sub():
            return change(replace(node, flow=mapped(node.flow, change)))
        case Sequence(children=nodes):
            return Sequence(tuple(mapped(child, change) for child in nodes))
        case Parallel(branches=branches):
            return Parallel(tuple(mapped(child, change) for child in branches))
        case Choose():
            return replace(node, branches=tuple(replace(b, flow=mapped(b.flow, change)) for b in node.branches))
        case Repeat():
            return replace(node, flow=mapped(node.flow, change), again=mapped(node.again, change))
        case Foreach():
            return replace(node, flow=Sequence(tuple(mapped(child, change) for child in node.flow.children)))


def _leaf(document: Any) -> Leaf:
    options = {k: document[k] for k in _LEAF_OPTIONS if k in document}
    if undo := document.get("compensate"):
        name = document.get("title") or document["id"]
        options["compensate"] = _leaf({"id": document["id"], "title": f"Undo {name}", **undo})
    return Leaf(
        id=document["id"],
        title=document.get("title", ""),
        uses=document.get("uses", ""),
        with_=document.get("with", {}),
        outputs=document.get("outputs", {}),
        limits=document.get("limits", {}),
        evidence=tuple(document.get("evidence", ())),
        **options,
    )


_BLOCKS: dict[str, Callable[[Any, Find | None], Node]] = {
    "parallel": _parallel, "choose": _choose, "first": _first, "repeat": _repeat, "foreach": _foreach, "template": _sub,
}  # fmt: skip
