"""Finds the flow in observed cases: the Inductive Miner, on intervals.

Pure. Written from Leemans, Fahland and van der Aalst, "Discovering block-structured process models from event logs"
(2013) and Leemans, "Robust process mining with guarantees" (2017). A trace is a case across its sessions: what was
seen. Two activities whose intervals overlap count as following each other both ways. Without a noise filter, every
trace it was given replays on the tree it returns (`replays`). Ties are broken by (start, end, id), so the same cases
always give the same tree.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import networkx as nx

from engine.definition.flow import Branch, Choose, Foreach, Leaf, Node, Parallel, Repeat, Sequence, Sub

EMPTY = Sequence()


@dataclass(frozen=True, order=True)
class Occurrence:
    """Somebody was seen doing something: an interval in milliseconds, on one clock for the whole case."""

    start: int
    end: int
    id: str
    activity: str


Trace = tuple[Occurrence, ...]


def discover(traces: Iterable[Iterable[Occurrence]], titles: Mapping[str, str] | None = None) -> Node:
    """The flow of these cases, its leaves named by activity; loops and choices without a rule ask a person."""
    log = [tuple(sorted(trace)) for trace in traces]
    return _mine(log, titles or {})


def _mine(log: list[Trace], titles: Mapping[str, str]) -> Node:
    full = [trace for trace in log if trace]
    if not full:
        return EMPTY
    if len(full) < len(log):
        return _choice([_mine(full, titles), EMPTY])
    activities = sorted({occurrence.activity for trace in full for occurrence in trace})
    if len(activities) == 1 and all(len(trace) == 1 for trace in full):
        return Leaf(activities[0], titles.get(activities[0], ""))
    follows = Follows(full)
    for cut in (_exclusive, _sequence, _parallel, _loop):
        parts = cut(follows)
        if len(parts) > 1:
            return _BUILD[cut](full, parts, titles)
    return _fall_through(full, follows, titles)


class Follows:
    """The directly-follows graph of a log: who starts next once somebody has ended, and who overlaps whom."""

    def __init__(self, log: list[Trace]) -> None:
        self.graph: nx.DiGraph = nx.DiGraph()
        self.starts: Counter[str] = Counter()
        self.ends: Counter[str] = Counter()
        for trace, times in sorted(Counter(log).items()):
            self._add(trace, times)
        self.activities: list[str] = sorted(self.graph)

    def _add(self, trace: Trace, times: int) -> None:
        self.graph.add_nodes_from(occurrence.activity for occurrence in trace)
        first_end, last_start = min(s.end for s in trace), max(s.start for s in trace)
        # Whatever began before anything had ended could have been first, and likewise last.
        for i, occurrence in enumerate(trace):
            if i == 0 or occurrence.start < first_end:
                self.starts[occurrence.activity] += times
            if i == len(trace) - 1 or occurrence.end > last_start:
                self.ends[occurrence.activity] += times
            self._edges_from(trace, i, times)

    def _edges_from(self, trace: Trace, i: int, times: int) -> None:
        occurrence, horizon = trace[i], None
        for later in trace[i + 1 :]:
            if horizon is not None and later.start >= horizon:
                return
            self._edge(occurrence.activity, later.activity, times)
            if _overlap(occurrence, later):
                self._edge(later.activity, occurrence.activity, times)
            else:
                horizon = later.end if horizon is None else min(horizon, later.end)
                horizon = max(horizon, later.start + 1)

    def _edge(self, before: str, other: str, times: int) -> None:
        weight = self.graph.get_edge_data(before, other, {"weight": 0})["weight"]
        self.graph.add_edge(before, other, weight=weight + times)


def _overlap(first: Occurrence, other: Occurrence) -> bool:
    return first.start < other.end and other.start < first.end


# --- cuts: each returns the parts, in order; one part means no cut ---------------------------------------------------

Parts = list[list[str]]


def _exclusive(follows: Follows) -> Parts:
    return _sorted_parts(nx.weakly_connected_components(follows.graph))


def _sequence(follows: Follows) -> Parts:
    """Groups that are only ever passed in one direction."""
    condensed = nx.condensation(follows.graph)
    below = {node: nx.descendants(condensed, node) for node in condensed}
    merged = nx.Graph()
    merged.add_nodes_from(condensed)
    nodes = sorted(condensed)
    merged.add_edges_from(
        (a, b) for i, a in enumerate(nodes) for b in nodes[i + 1 :] if b not in below[a] and a not in below[b]
    )
    groups = [sorted(group) for group in nx.connected_components(merged)]
    groups.sort(key=lambda group: (-sum(len(below[n] - set(group)) for n in group) / len(group), group))
    ordered = _by_reach(groups, below)
    return [sorted(a for n in group for a in condensed.nodes[n]["members"]) for group in ordered]


def _by_reach(groups: list[list[int]], below: Mapping[int, set[int]]) -> list[list[int]]:
    """Groups so that each reaches only later ones; those that reach each other are one."""
    graph = nx.DiGraph()
    graph.add_nodes_from(range(len(groups)))
    for i, group in enumerate(groups):
        for j, other in enumerate(groups):
            if i != j and any(n in below[m] for m in group for n in other):
                graph.add_edge(i, j)
    condensed = nx.condensation(graph)
    order = nx.lexicographical_topological_sort(condensed, key=lambda n: min(condensed.nodes[n]["members"]))
    return [sorted(n for g in condensed.nodes[c]["members"] for n in groups[g]) for c in order]


def _parallel(follows: Follows) -> Parts:
    """Groups whose members all follow each other both ways; each group can begin and can end."""
    graph = nx.Graph()
    graph.add_nodes_from(follows.activities)
    edges = follows.graph.edges
    for i, a in enumerate(follows.activities):
        for b in follows.activities[i + 1 :]:
            if not ((a, b) in edges and (b, a) in edges):
                graph.add_edge(a, b)
    parts = _sorted_parts(nx.connected_components(graph))
    whole = [p for p in parts if set(p) & follows.starts.keys() and set(p) & follows.ends.keys()]
    rest = [a for p in parts if p not in whole for a in p]
    if rest and whole:
        whole[0] = sorted(whole[0] + rest)
    return whole if len(whole) > 1 else [follows.activities]


def _loop(follows: Follows) -> Parts:
    """The body first, then each way of going round again."""
    starts, ends, edges = set(follows.starts), set(follows.ends), follows.graph.edges
    body = starts | ends
    rest = follows.graph.subgraph(a for a in follows.activities if a not in body)
    again: Parts = []
    for part in _sorted_parts(nx.weakly_connected_components(rest)):
        into = {a for a in body for b in part if (a, b) in edges}
        out = {b for a in part for b in body if (a, b) in edges}
        entries = [b for b in part if any((e, b) in edges for e in ends)]
        exits = [a for a in part if any((a, s) in edges for s in starts)]
        tied = all((e, b) in edges for b in entries for e in ends) and all(
            (a, s) in edges for a in exits for s in starts
        )
        if into <= ends and out <= starts and tied:
            again.append(part)
        else:
            body |= set(part)
    return [sorted(body), *again]


def _sorted_parts(parts: Iterable[Iterable[str]]) -> Parts:
    return sorted(sorted(part) for part in parts)


# --- splitting the log along a cut -----------------------------------------------------------------------------------


def _build_exclusive(log: list[Trace], parts: Parts, titles: Mapping[str, str]) -> Node:
    return _choice([_mine([t for t in log if t[0].activity in part], titles) for part in parts])


def _build_sequence(log: list[Trace], parts: Parts, titles: Mapping[str, str]) -> Node:
    nodes: list[Node] = []
    for part in parts:
        node = _mine(_project(log, part), titles)
        nodes.extend(node.children if isinstance(node, Sequence) else [node])
    return Sequence(tuple(nodes))


def _build_parallel(log: list[Trace], parts: Parts, titles: Mapping[str, str]) -> Node:
    return Parallel(tuple(_mine(_project(log, part), titles) for part in parts))


def _build_loop(log: list[Trace], parts: Parts, titles: Mapping[str, str]) -> Node:
    pieces: dict[int, list[Trace]] = {i: [] for i in range(len(parts))}
    rounds = 1
    for trace in log:
        split = _split_rounds(trace, parts)
        rounds = max(rounds, sum(1 for index, _ in split if index == 0))
        for index, piece in split:
            pieces[index].append(piece)
    again = [_mine(pieces[i], titles) for i in range(1, len(parts))]
    return Repeat(_mine(pieces[0], titles), _choice(again), at_most=rounds, ask="person")


def _split_rounds(trace: Trace, parts: Parts) -> list[tuple[int, Trace]]:
    """The trace cut where it goes from one part to another, with an empty body between two ways of going again."""
    part_of = {activity: i for i, part in enumerate(parts) for activity in part}
    split: list[tuple[int, Trace]] = []
    for occurrence in trace:
        index = part_of[occurrence.activity]
        if split and split[-1][0] == index:
            split[-1] = (index, (*split[-1][1], occurrence))
            continue
        if index and (not split or split[-1][0]):
            split.append((0, ()))
        split.append((index, (occurrence,)))
    return split if split[-1][0] == 0 else [*split, (0, ())]


def _project(log: list[Trace], part: Iterable[str]) -> list[Trace]:
    wanted = set(part)
    return [tuple(occurrence for occurrence in trace if occurrence.activity in wanted) for trace in log]


_Build = Callable[[list[Trace], Parts, Mapping[str, str]], Node]
_BUILD: dict[Callable[[Follows], Parts], _Build] = {
    _exclusive: _build_exclusive,
    _sequence: _build_sequence,
    _parallel: _build_parallel,
    _loop: _build_loop,
}


def _fall_through(log: list[Trace], follows: Follows, titles: Mapping[str, str]) -> Node:
    """No cut fits: once in every trace, then a loop over whole rounds, then whatever order."""
    for activity in follows.activities:
        counts = [sum(occurrence.activity == activity for occurrence in trace) for trace in log]
        if set(counts) <= {1} and len(follows.activities) > 1:
            rest = _project(log, [a for a in follows.activities if a != activity])
            return Parallel((Leaf(activity, titles.get(activity, "")), _mine(rest, titles)))
    if rounds := _whole_rounds(log, set(follows.starts), set(follows.ends)):
        return Repeat(_mine(rounds[0], titles), EMPTY, at_most=rounds[1], ask="person")
    if len(follows.activities) == 1:
        most = max(len(trace) for trace in log)
        return Repeat(Leaf(follows.activities[0], titles.get(follows.activities[0], "")), at_most=most, ask="person")
    return flower(follows.activities, titles, max(len(trace) for trace in log))


def _whole_rounds(log: list[Trace], starts: set[str], ends: set[str]) -> tuple[list[Trace], int] | None:
    """Each trace cut wherever an end is followed by a start; None when that cuts nothing."""
    pieces: list[Trace] = []
    most = 1
    for trace in log:
        cuts = [0, *(i for i in range(1, len(trace)) if _turns(trace, i, starts, ends)), len(trace)]
        rounds = [trace[a:b] for a, b in pairwise(cuts)]
        most = max(most, len(rounds))
        pieces.extend(rounds)
    return (pieces, most) if len(pieces) > len(log) else None


def _turns(trace: Trace, i: int, starts: set[str], ends: set[str]) -> bool:
    return trace[i - 1].activity in ends and trace[i].activity in starts and not _overlap(trace[i - 1], trace[i])


def flower(activities: list[str], titles: Mapping[str, str], at_most: int) -> Repeat:
    """Anything in any order: allowed, never to be run as it is. `is_flower` finds it for a person to mend."""
    return Repeat(_choice([Leaf(a, titles.get(a, "")) for a in activities]), at_most=at_most, ask="person")


def is_flower(node: Node) -> bool:
    if not (isinstance(node, Repeat) and isinstance(node.flow, Choose) and node.again == EMPTY):
        return False
    return len(node.flow.branches) > 1 and all(isinstance(b.flow, Leaf) for b in node.flow.branches)


def _choice(nodes: list[Node]) -> Node:
    if len(nodes) == 1:
        return nodes[0]
    return Choose(tuple(Branch(node, label=_label(node)) for node in nodes), ask="person")


def _label(node: Node) -> str:
    from engine.definition.flow import leaves

    first = next(leaves(node), None)
    return first.name if first else "go on without"


# --- replay ----------------------------------------------------------------------------------------------------------


def replays(tree: Node, activities: Iterable[str]) -> bool:
    """Whether the tree allows exactly this order of activities. Bounds of repeats are not counted here.

    By derivatives: what is left of the tree after each activity. Labels are unique, so what is left stays small.
    """
    rest: Node | None = tree
    for activity in activities:
        rest = _after(rest, activity)
        if rest is None:
            return False
    return _may_end(rest) if rest is not None else False


@lru_cache(maxsize=65536)
def _may_end(node: Node) -> bool:
    match node:
        case Leaf():
            return False
        case Sequence(children=nodes) | Parallel(branches=nodes):
            return all(_may_end(child) for child in nodes)
        case Choose():
            return any(_may_end(branch.flow) for branch in node.branches)
        case Repeat() | Sub():
            return _may_end(node.flow)
        case Foreach():
            return True  # there may be no items


@lru_cache(maxsize=65536)
def _after(node: Node, activity: str) -> Node | None:
    """What is left once this activity has happened; None when it cannot happen now."""
    match node:
        case Leaf():
            return EMPTY if node.id == activity else None
        case Sequence(children=nodes):
            return _after_sequence(nodes, activity)
        case Parallel(branches=branches):
            left = [
                _with(branches, i, rest) for i, b in enumerate(branches) if (rest := _after(b, activity)) is not None
            ]
            return _either(left)
        case Choose():
            return _either([rest for b in node.branches if (rest := _after(b.flow, activity)) is not None])
        case Repeat():
            return _after_repeat(node, activity)
        case Foreach():
            return _after_repeat(Repeat(node.flow), activity)  # item after item, as a person goes through a list
        case Sub():
            return _after(node.flow, activity)


def _after_sequence(nodes: tuple[Node, ...], activity: str) -> Node | None:
    sequences: list[Node] = []
    for i, child in enumerate(nodes):
        rest = _after(child, activity)
        if rest is not None:
            sequences.append(_join(rest, Sequence(nodes[i + 1 :])))
        if not _may_end(child):
            break
    return _either(sequences)


def _after_repeat(node: Repeat, activity: str) -> Node | None:
    once_more = _either([EMPTY, Sequence((node.again, node))])
    assert once_more is not None
    nodes = [_join(rest, once_more)] if (rest := _after(node.flow, activity)) is not None else []
    if _may_end(node.flow):
        after_again = _after(node.again, activity)
        if after_again is not None:
            nodes.append(_join(after_again, node))
    return _either(nodes)


def _with(branches: tuple[Node, ...], i: int, rest: Node) -> Node:
    left = (*branches[:i], rest, *branches[i + 1 :])
    open_ = tuple(b for b in left if b != EMPTY)
    return Parallel(open_) if len(open_) > 1 else (open_[0] if open_ else EMPTY)


def _join(first: Node, other: Node) -> Node:
    parts = [p for n in (first, other) for p in (n.children if isinstance(n, Sequence) else (n,))]
    return parts[0] if len(parts) == 1 else Sequence(tuple(parts))


def _either(nodes: list[Node]) -> Node | None:
    different = list(dict.fromkeys(nodes))
    if not different:
        return None
    return different[0] if len(different) == 1 else Choose(tuple(Branch(node) for node in different))
