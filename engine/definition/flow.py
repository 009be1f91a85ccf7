"""The flow: one process tree with three faces (discovered, drawn, run).

Pure. Discovery finds a flow, a journey map draws one, a template binds its leaves to step kinds and a run walks it.
Every flow is sound by construction: each block has one entry and one exit.

A node is addressed by its *path*, the indexes from the root: `()` is the root, `(1, 0)` the first child of its second
child. In a `Repeat`, child 0 is `flow` and child 1 is `again`; a `Foreach` and a `Sub` have child 0.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from lib import durations

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
    limits: Mapping[str, int] = field(default_factory=dict)  # what its jobs may take (vocabulary.LIMITS)
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

    def called(self, number: int = 0) -> str:
        """What a person picks it by and what a run says was walked: its label, what it waits for, or its number."""
        if self.label or not self.on:
            return self.label or f"branch {number}"
        match self.on:
            case {"event": name}:
                return str(name)
            case {"after": seconds}:
                return f"after {durations.in_words(seconds)}" if isinstance(seconds, int | float) else "the time"
            case _:
                return str((self.on.get("approve") or {}).get("question", "somebody says so"))


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
    inputs: Mapping[str, Any] = field(default_factory=dict)  # name -> document.Input

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


def nodes_in(node: Node, path: Path = ()) -> Iterator[tuple[Path, Node]]:
    """Every node with its path, a parent before its children, in reading order. Depth is not limited by recursion."""
    stack = [(path, node)]
    while stack:
        here, current = stack.pop()
        yield here, current
        stack.extend(((*here, i), child) for i, child in reversed(list(enumerate(children(current)))))


def leaves(node: Node) -> Iterator[Leaf]:
    return (inner for _, inner in nodes_in(node) if isinstance(inner, Leaf))


class Flow:
    """A tree with an index of it: find a node by path and a leaf by id in constant time."""

    def __init__(self, root: Node) -> None:
        self.root = root
        self.nodes: dict[Path, Node] = dict(nodes_in(root))
        self.leaf_paths: dict[str, Path] = {n.id: p for p, n in self.nodes.items() if isinstance(n, Leaf)}
        self.subs: dict[str, Path] = {n.id: p for p, n in self.nodes.items() if isinstance(n, Sub)}

    def at(self, path: Path) -> Node:
        return self.nodes[path]

    def leaf(self, leaf_id: str) -> Leaf:
        node = self.nodes[self.leaf_paths[leaf_id]]
        assert isinstance(node, Leaf)
        return node

    def leaves(self) -> list[Leaf]:
        return [node for node in self.nodes.values() if isinstance(node, Leaf)]

    def with_leaf(self, leaf_id: str, change: Callable[[Leaf], Leaf]) -> Node:
        """The same tree with one leaf changed."""
        return mapped(self.root, lambda node: change(node) if isinstance(node, Leaf) and node.id == leaf_id else node)

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


def under(node: Node, prefix: str) -> Node:
    """The same tree with every id below `prefix`."""

    def renamed(part: Leaf | Sub) -> Node:
        name = f"{prefix}.{part.id}"
        if isinstance(part, Leaf):
            return replace(part, id=name, compensate=part.compensate and replace(part.compensate, id=name))
        return replace(part, id=name)

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
