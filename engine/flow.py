"""The flow: one process tree with three faces (discovered, drawn, run).

Pure. Discovery finds a flow, a journey map draws one, a template binds its leaves to step kinds and a run walks it.
Every flow is sound by construction: each block has one entry and one exit.

A node is addressed by its *path*, the indexes from the root: `()` is the root, `(1, 0)` the first child of its second
child. In a `Repeat`, child 0 is `flow` and child 1 is `again`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

Path = tuple[int, ...]


@dataclass(frozen=True)
class Leaf:
    """A piece of work. `id` never changes; `uses` is empty while no step kind is bound to it."""

    id: str
    title: str = ""
    uses: str = ""
    with_: Mapping[str, Any] = field(default_factory=dict)
    when: str | None = None
    retries: int = 0
    timeout: float | None = None  # seconds
    on_failure: str = "fail"  # or "continue"
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
    """`when` is CEL; None means otherwise, or, under `ask`, that a person picks it by its label."""

    flow: Node
    when: str | None = None
    label: str = ""


@dataclass(frozen=True)
class Choose:
    branches: tuple[Branch, ...]
    ask: str | None = None  # "person"


@dataclass(frozen=True)
class Repeat:
    """Runs `flow`, then asks `until`; while it is not met, runs `again` and `flow` once more."""

    flow: Node
    again: Node = field(default_factory=Sequence)
    at_most: int = 1
    until: str | None = None  # CEL
    ask: str | None = None  # "person"
    on_limit: str = "fail"  # or "continue"


Node = Leaf | Sequence | Parallel | Choose | Repeat


def children(node: Node) -> tuple[Node, ...]:
    """The node's children in the order of their indexes."""
    match node:
        case Sequence(children=nodes) | Parallel(branches=nodes):
            return nodes
        case Choose(branches=branches):
            return tuple(branch.flow for branch in branches)
        case Repeat():
            return (node.flow, node.again)
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

    def at(self, path: Path) -> Node:
        return self.nodes[path]

    def leaf(self, leaf_id: str) -> Leaf:
        found = self.nodes[self.leaf_paths[leaf_id]]
        assert isinstance(found, Leaf)
        return found

    def leaves(self) -> list[Leaf]:
        return [node for node in self.nodes.values() if isinstance(node, Leaf)]

    def rounds(self, path: Path) -> tuple[Path, ...]:
        """The paths of the repeats around this node, outermost first: one number of an iteration each."""
        return tuple(path[:n] for n in range(len(path)) if isinstance(self.nodes[path[:n]], Repeat))


def write_path(path: Path) -> str:
    return ".".join(map(str, path))


def read_path(text: str) -> Path:
    return tuple(int(part) for part in text.split(".")) if text else ()


# --- the document form: plain lists and dictionaries, as in the YAML ------------------------------------------------

_LEAF_OPTIONS = ("when", "retries", "timeout", "on_failure")


def to_document(node: Node) -> Any:
    """The flow as the template document writes it. A sequence is a list; `from_document` reads it back equal."""
    match node:
        case Leaf():
            return _leaf_document(node)
        case Sequence(children=nodes):
            return [to_document(child) for child in nodes]
        case Parallel(branches=branches):
            return {"parallel": [to_document(branch) for branch in branches]}
        case Choose():
            body: dict[str, Any] = {"choose": [_branch_document(branch, node.ask) for branch in node.branches]}
            return body | ({"ask": node.ask} if node.ask else {})
        case Repeat():
            return {"repeat": _repeat_document(node)}


def _leaf_document(leaf: Leaf) -> dict[str, Any]:
    document: dict[str, Any] = {"id": leaf.id}
    if leaf.title:
        document["title"] = leaf.title
    if leaf.uses:
        document["uses"] = leaf.uses
    if leaf.with_:
        document["with"] = dict(leaf.with_)
    default = Leaf(id="")
    document |= {k: getattr(leaf, k) for k in _LEAF_OPTIONS if getattr(leaf, k) != getattr(default, k)}
    if leaf.outputs:
        document["outputs"] = dict(leaf.outputs)
    if leaf.evidence:
        document["evidence"] = list(leaf.evidence)
    return document


def _branch_document(branch: Branch, ask: str | None) -> dict[str, Any]:
    head: dict[str, Any] = {"label": branch.label} if branch.label else {}
    if branch.when is not None:
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


def from_document(document: Any) -> Node:
    """A node from its checked document form (`engine.template` checks). A list of one is that one."""
    if isinstance(document, list):
        nodes = tuple(from_document(item) for item in document)
        return nodes[0] if len(nodes) == 1 else Sequence(nodes)
    if "parallel" in document:
        return Parallel(tuple(from_document(branch) for branch in document["parallel"]))
    if "choose" in document:
        branches = tuple(
            Branch(from_document(b["flow"]), b.get("when"), b.get("label", "")) for b in document["choose"]
        )
        return Choose(branches, document.get("ask"))
    if "repeat" in document:
        body = document["repeat"]
        options = {k: body[k] for k in ("at_most", "until", "ask", "on_limit") if k in body}
        return Repeat(from_document(body["flow"]), from_document(body.get("again", [])), **options)
    options = {k: document[k] for k in _LEAF_OPTIONS if k in document}
    return Leaf(
        id=document["id"],
        title=document.get("title", ""),
        uses=document.get("uses", ""),
        with_=document.get("with", {}),
        outputs=document.get("outputs", {}),
        evidence=tuple(document.get("evidence", ())),
        **options,
    )
